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
person-original-sound = Turn their original sound on
person-processed-sound = Turn their original sound off
original-sound-start = Turn original sound on
person-permit = Let them speak
person-forbid = Let them only listen
person-remove = Remove from the consultation…
remove-title = Remove { $name } from the consultation?
remove-lead = They can't come back in with the same link.
remove-yes = Remove
refuse-title = Turn { $name } away?
refuse-lead = They will be told to call the clinic to arrange another time.
refuse-yes = Turn away

# Inviting
more-invite = Invite an observer…
invite-title = Invite an observer
invite-lead = An interpreter, a relative or a student, for example. They see and hear the consultation, and speak only if you let them.
invite-field = Who it is, as the others will see it
invite-hint = Interpreter
invite-go = Create the link
invite-busy = Creating the link…
invite-ready = Send this link only to that person ({ $label }): whoever has it can enter.
invite-link = Link for the observer
invite-copy = Copy the link
invite-copied = Copied
invite-close = Done
invite-too-many = There are two observers already. Remove one of them before you invite another.
invite-failed = The link couldn't be created. Please try again in a moment.

# Ending
more-move = Move the call to the server (to record or add somebody)
more-end = End for everybody…
end-all-title = End the consultation for everybody?
end-all-lead = Everybody leaves, and the consultation is closed. To leave on your own, hang up.
end-all-yes = End for everybody
hang-up-title = Leave alone, or end the consultation?
hang-up-lead = If only you leave, the others stay in the consultation.
hang-up-leave = Only I leave
hang-up-end = End for everybody
hang-up-remembered = Your answer also counts for the next consultations. You can change it in the settings.
hang-up-ask = Ask

# What didn't work
control-failed-admit = They couldn't be let in
control-failed-refuse = They couldn't be turned away
control-failed-remove = They couldn't be removed
control-failed-mute = They couldn't be muted
control-failed-permit = What the observer may do couldn't be changed
control-failed-end = The consultation couldn't be ended
control-failed-move = The call couldn't be moved to the server
control-failed-next = Please try again in a moment. If it goes on, tell the clinic's technical support.

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
start-code-wrong-doctor = We can't find a code or a link there. Please check it and try again.
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
day-notice = Notice
day-notice-which = Notice to the patient of consultation { $id } at { $time }
day-notice-now = Notice: { $notice }
notice-title = Notice to the patient
notice-lead = The patient reads it in the waiting room.
notice-late = The consultation starts about { $minutes } minutes late.
notice-field = What the patient should know
notice-send = Save the notice
notice-remove = Remove the notice
notice-cancel = Cancel
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
settings-camera-size = Size of the camera picture
camera-size-automatic = Automatic
settings-sound = Your sound
settings-echo = Take out echo
settings-noise = Take out noise
settings-gain = Even out the volume of your voice
settings-language = Language of the app
settings-text = Text size
settings-theme = Colours
theme-light = Light
theme-dark = Dark
theme-system = The computer's
settings-motion = No animations
settings-skip-check = Go in without the check
settings-hang-up = When you hang up
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

# Recordings
day-recordings = { $count ->
    [one] 1 recording
   *[other] { $count } recordings
  }
day-recordings-which = Recordings of consultation { $id } at { $time }
recordings-title = Recordings
recordings-back = Back to the list
recordings-asking = Asking for the recordings…
recordings-empty = This consultation has no recordings.
recordings-no-key-advice = Only a computer joined to the clinic shows recordings: run “autamedica --pair”.
recordings-leave-title = A recording is still being downloaded
recordings-leave-lead = If you go back now, the download is cancelled and nothing of it stays on this computer.
recordings-leave-yes = Cancel the download and go back
recording-when = { $day } { $month } { $year }, { $time }
recording-month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[other] December
  }
recording-measure = Lasts { $time } · { $size }
recording-parts = { $count } parts
recording-part = Part { $part }
recording-file = consultation-{ $name }
recording-encrypted = Encrypted where it is kept
recording-not-encrypted = Not encrypted where it is kept
recording-state-asking = Waiting for the patient's permission
recording-state-starting = About to record
recording-state-on = Recording now
recording-state-paused = Paused until everybody has given permission
recording-state-stopping = Finishing the file
recording-state-storing = On its way to where the clinic keeps it
recording-state-ready = Ready
recording-state-refused = The patient preferred not to be recorded
recording-state-cancelled = Cancelled before it began
recording-state-failed = It couldn't be recorded
recording-state-deleted = Deleted
recording-trouble = Something is wrong with the recording
recording-trouble-crashed = The recording broke off and went on in another part: some seconds between the two may be missing.
recording-trouble-missing = A part couldn't be recovered. Tell the clinic's technical support.
recording-trouble-withdrawn = The patient took back their permission, and the recording ends there.
recording-trouble-disk = The server's disk is full. What was recorded is kept; tell the clinic's technical support.
recording-trouble-file = The server couldn't write or read the file. Tell the clinic's technical support.
recording-trouble-connection = The connection was lost while it recorded: what happened meanwhile is missing.
recording-trouble-not-joined = The recorder couldn't enter the consultation. Tell the clinic's technical support.
recording-trouble-undecryptable = Some of the picture or sound couldn't be decrypted and isn't in the recording.
recording-trouble-slow = The server was slow: the picture may jump. The sound is complete.
recording-trouble-kind = The file is of the kind MKV. Nearly every player opens it.
recording-trouble-storage = The place where it is kept doesn't answer. It is tried again, and nothing is lost.
recording-trouble-room = There is no room where recordings are kept. What was recorded stays on the server; tell the clinic's technical support.
recording-trouble-unavailable = The recording service has nobody free to record. Tell the clinic's technical support.
recording-trouble-not-encrypted = The storage doesn't encrypt what it gets, so the recording isn't kept as it should be. Tell the clinic's technical support.
recording-trouble-differs = The copy didn't come out the same, and it is copied again. Nothing is lost.
recording-trouble-other = The recording had a problem. Tell the clinic's technical support.
recording-play = Watch
recording-play-which = Watch the recording of { $when }
recording-play-part = Watch part { $part } of the recording of { $when }
recording-save = Save…
recording-save-which = Save the recording of { $when }
recording-save-part = Save part { $part } of the recording of { $when }
recording-save-title = Where do you want to save the recording?
recording-save-lead = Choose a place that only you can open. Type the folder and the name of the file.
recording-save-path = Folder and name of the recording
recording-save-taken = There is a file of this name already. Please type another.
recording-save-go = Save
recording-delete = Delete…
recording-delete-which = Delete the recording of { $when }
recording-delete-title = Delete the recording of { $when }?
recording-delete-lead = { $count ->
    [one] Its file ({ $time }, { $size }) is deleted for everybody and for good. That it existed and who deleted it stays on record.
   *[other] Its { $count } files ({ $time }, { $size }) are deleted for everybody and for good. That it existed and who deleted it stays on record.
  }
recording-delete-yes = Delete for good
recording-deleting = Deleting…
recording-delete-unreachable = It couldn't be deleted: the clinic doesn't answer. Try again in a moment.
recording-delete-denied = It couldn't be deleted: this computer may not do that. Tell the clinic's technical support.
recording-delete-unfinished = It couldn't be deleted: the recording isn't finished yet. Try again when it is ready.
recording-cancel-which = Cancel the download of the recording of { $when }
recording-cancel-part = Cancel the download of part { $part } of the recording of { $when }
recording-fetching-play = Downloading to watch it: { $percent } % ({ $here } of { $whole })
recording-fetching-save = Saving: { $percent } % ({ $here } of { $whole })
recording-playing = Opened in this computer's player. The copy is deleted when you close AutaMedica.
recording-saved = Saved in { $path }. It is complete.
recording-fetch-unreachable = The download broke off: the clinic doesn't answer. Check your internet and try again.
recording-fetch-denied = This computer may not download it. Tell the clinic's technical support.
recording-fetch-gone = The file isn't where it was kept. Try again; if it stays so, tell the clinic's technical support.
recording-fetch-differs = What came isn't what was recorded, so it wasn't kept. Try again; if it stays so, tell the clinic's technical support.
recording-fetch-disk-full = There is no room on this computer. Free some space, or save it on another disk.
recording-fetch-not-writable = Nothing can be written in that place. Please choose another folder.
recording-fetch-no-player = This computer has nothing to play it with. Save it and open it where there is a video player.
