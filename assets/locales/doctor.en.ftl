# What only a doctor sees. A kiosk is built without these texts.

panel-notes = Notes

# Who waits
waiting-since = { $minutes ->
    [0] { $name } has just arrived and is waiting (since { $time })
    [one] { $name } has been waiting since { $time } (1 min)
   *[other] { $name } has been waiting since { $time } ({ $minutes } min)
  }
waiting-admit = Let in
waiting-admit-named = Let { $name } in
waiting-refuse = Turn away
waiting-refuse-named = Turn { $name } away
waiting-more = { $count ->
    [one] 1 more person is waiting: see the list of people
   *[other] { $count } more people are waiting: see the list of people
  }

# People
person-mute = Mute
person-remove = Remove from the consultation…
remove-title = Remove { $name } from the consultation?
remove-lead = They can't come back in with the same link.
remove-yes = Remove
refuse-title = Turn { $name } away?
refuse-lead = They will be told to call the clinic to arrange another time.
refuse-yes = Turn away

# Ending
more-end = End for everybody…
end-all-title = End the consultation for everybody?
end-all-lead = Everybody leaves, and the consultation is closed. To leave on your own, hang up.
end-all-yes = End for everybody

# What didn't work
control-failed-admit = They couldn't be let in
control-failed-refuse = They couldn't be turned away
control-failed-remove = They couldn't be removed
control-failed-mute = They couldn't be muted
control-failed-end = The consultation couldn't be ended
control-failed-next = Please try again in a moment. If it goes on, tell the clinic's technician.

# Sharing
share-caption = Share
share-start = Share the screen
share-stop = Stop sharing the screen
share-title = What do you want to share?
share-looking = Looking at what there is on this computer…
share-lead = Everybody in the consultation will see what you choose. First close what they mustn't see.
share-whole = The whole screen
share-monitor = Screen { $name }
share-go = Share

# Recording
record-caption = Record
record-start = Record the consultation
record-stop = Stop recording

# Notes
more-notes = My notes
notes-lead = For you only: they are sent to nobody. They are deleted at the end unless you save them.
notes-hint = Write your notes here
notes-field = My notes of the consultation
notes-save = Save as text
notes-save-title = Save the notes
notes-file = notes.txt
notes-path = Folder and file name
notes-saved = Saved in { $path }
notes-failed = They couldn't be saved. Please choose another folder.
notes-left-title = You have notes that aren't saved
notes-left-lead = The consultation is over. If you don't save your notes now, they are deleted.
notes-drop = Delete the notes

# Keys
keys-share = Share the screen, or stop sharing it
keys-admit = Let in whoever is waiting

# The doctor's start, and the settings
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
