# Texts of the doctor's screens and of the settings. A patients' kiosk doesn't hold them.

start-title-doctor = Your video consultations
start-lead-doctor = Paste the link of the consultation, or type its code.
day-today = Today
day-asking = Asking for today's consultations…
day-empty = There are no consultations today.
day-no-key = This computer isn't joined to the clinic yet
day-no-key-advice = To see today's consultations here, run “autamedica --pair”. Meanwhile you can paste a link.
day-refused = The clinic doesn't know this computer
day-refused-advice = Its key may have expired. Ask whoever runs the system for another one, and run “autamedica --pair”.
day-unreachable = We can't reach the clinic
day-unreachable-advice = We keep trying every few seconds. Check your internet.
day-consultation = Consultation { $id }
day-created = Scheduled
day-waiting = { $minutes ->
    [one] The patient has been waiting for 1 minute
   *[other] The patient has been waiting for { $minutes } minutes
  }
day-waiting-now = The patient has just arrived
day-live = In progress
day-ended = Over
day-cancelled = Cancelled
day-enter = Go in
day-enter-which = Go into consultation { $id } at { $time }
recent-title = Recent
recent-forget = Forget them

settings-open = Open the settings
settings-title = Settings
settings-devices = Devices
settings-devices-asking = Looking for devices…
settings-picture = Quality of your picture
picture-low = Saving
picture-standard = Standard
picture-high = High
settings-sound = Your sound
settings-echo = Take out echo
settings-noise = Take out noise
settings-gain = Even out the volume of your voice
settings-next-call = The quality of picture and sound changes with the next call.
settings-language = Language of the app
settings-text = Text size
settings-theme = Colours
theme-light = Light
theme-dark = Dark
theme-system = The computer's
settings-motion = No animations
settings-skip-check = Go in without the check
settings-shortcuts = Keys
shortcut-space = Space bar
shortcut-microphone = Microphone off or on
shortcut-camera = Camera off or on
shortcut-share = Share the screen
shortcut-full-screen = Full screen
shortcut-talk = Talk while it is held
shortcut-close = Close what is open
settings-back = Done
settings-back-to-call = Back to the consultation
settings-not-kept = The settings couldn't be saved: they hold until you close the app. Check the disk space.
settings-broken = We didn't understand the saved settings and start afresh. The earlier ones are in { $file }
