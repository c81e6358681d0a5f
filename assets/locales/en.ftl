# English texts. Short, kind and concrete; in the second person.
# Every error says what to do next.

app-name = AutaMedica
language-switch = Language

# Start
start-title-patient = Welcome
start-lead-patient = Type the code of your appointment, or paste the link you received.
start-code = Link or code
start-code-hint = 3183 6728, or the whole link
start-paste = Paste
start-enter = Join
start-calm = Your picture and your voice are not sent until you join.
start-code-missing = Please type the code first, or paste the link.
start-code-wrong = We can't find a code or a link there. The code has eight digits. Please check it and try again.
start-link-wrong = This link doesn't lead to a consultation. Please copy it again, whole.

# Joining
joining-title = Joining the consultation…
joining-lead = We are connecting your camera and your microphone. It takes a few seconds.
joining-slow = It is taking longer than usual. You can keep waiting, or cancel and try again.
joining-again = The clinic isn't ready yet. We keep trying; you don't have to do anything.
joining-again-for = { $seconds ->
    [one] Trying for 1 second.
   *[other] Trying for { $seconds } seconds.
  }
joining-cancel = Cancel

# The check before a call
check-title = Before you go in
check-lead = Let's make sure that you can be seen and heard.
check-starting = One moment, we are opening it…
check-camera-on = Your camera works
check-camera-off = You go in without a camera
check-camera-off-advice = The doctor will hear you, but not see you. Choose a camera if you want to be seen.
check-level = Microphone level
check-say-something = Please say something: “Good morning”.
check-voice-heard = We hear you well
check-voice-faint = We hear you very faintly
check-voice-faint-advice = Move closer to the microphone, speak louder, or choose another microphone.
check-voice-silent = We can't hear you
check-voice-silent-advice = This may not be the right microphone. Choose another one from the list and say something.
check-voice-muted = Your microphone seems to be muted
check-voice-muted-advice = Unmute it in the computer's sound settings, or with the button on the microphone itself.
check-microphone-off = You go in without a microphone
check-microphone-off-advice = The doctor won't hear you. Choose a microphone from the list.
check-speaker-not-found = We can't find a speaker
check-speaker-advice = Connect headphones or a speaker, choose it from the list, and turn up the volume.
check-sound-play = Try the sound
check-sound-playing = Three notes are playing…
check-sound-asked = Did you hear the three notes?
check-sound-heard = You hear well
check-sound-not-heard = You didn't hear the sound
check-yes = Yes, I heard them
check-no = No, I didn't
check-network = Connection
check-network-none = We can't test the connection here: this room isn't a clinic's. You can go in.
check-network-connecting = Connecting to the video server…
check-network-measuring = Measuring the connection. This takes a few seconds.
check-network-good = Good connection
check-network-fair = The connection will do
check-network-fair-advice = The picture may look a little soft. Move closer to the router if you can.
check-network-poor = Weak connection
check-network-poor-advice = Move closer to the router or use a cable. If that doesn't help, go in without the camera: you will be heard better.
check-network-figures = Round trip { $trip } · up { $up } and down { $down } Mbit/s · loss { $loss } %
milliseconds = { $ms } ms
milliseconds-none = less than 1 ms
check-network-unreachable = We can't reach the clinic
check-network-unreachable-advice = Check your internet. If other pages open, please call the clinic.
check-network-refused = The clinic didn't allow the test
check-network-refused-advice = You can try to go in. If that doesn't work, ask the clinic for another link.
check-clinic-trouble-advice = Your connection reaches the clinic. You can try to go in: we keep trying while you wait.
check-network-blocked = The video doesn't get through
check-network-blocked-advice = This network may block video calls. Try another network, or your phone's data.
check-network-slow = The connection is too slow to be measured
check-network-slow-advice = Move closer to the router or use another network. You can try to go in without the camera.
check-network-busy = This computer is very busy
check-network-busy-advice = It isn't your connection. Close other programs and test again. You can also go in.
check-network-failed = We couldn't test the connection
check-network-failed-advice = It isn't your connection: our test failed. Try again. You can also go in without the test.
check-network-again = Test again
check-enter = Go in
check-back = Back
camera-default = The system's default
microphone-default = The system's default
speaker-default = The system's default
camera-none = None
microphone-none = None
speaker-none = None
camera-test = Test picture
microphone-test = Test sound
speaker-test = Test speaker
speaker-caption = Speaker

# A server that is new
server-title = Do you know who invites you?
server-lead = The link leads to this server, where you haven't been before:
server-warning = If you continue, whoever runs it will be able to see and hear what your camera and microphone pick up.
server-no = No, go back
server-yes = Yes, continue
server-yes-named = Yes, continue to { $server }

# A link that comes during a consultation
other-link-title = Leave this consultation?
other-link-lead = You opened another link. If you join with it, you leave the consultation that you are in now.
other-link-yes = Leave and join the other

# The waiting room
waiting-title = The doctor knows that you are here
waiting-since-now = You have just arrived.
waited-for = { $minutes ->
    [one] Waiting for 1 minute.
   *[other] Waiting for { $minutes } minutes.
  }
waiting-lead = You can leave this window open. As soon as the doctor lets you in, you will see them here. Nobody sees or hears you yet.
waiting-title-alone = You are in the waiting room
waiting-lead-alone = Your doctor hasn't arrived yet; they will know that you are here as soon as they do. You can leave this window open. Nobody sees or hears you yet.
waiting-leave = Leave

# The clinic's kiosk
keypad-title = Type the code of your appointment
keypad-typed = { $count ->
    [one] 1 digit typed
   *[other] { $count } digits typed
  }
keypad-incomplete = The code has eight digits.
keypad-back = Delete the last digit
keypad-help = Help
keypad-help-text = The code is in your appointment message. If you can't find it, ask at the reception.
keypad-staff = Clinic staff
keypad-continue = Continue
operator-title = Clinic staff
operator-lead = Type the PIN to close this kiosk.
operator-trying = Checking the PIN…
operator-wrong = That PIN isn't right. Please try again.
operator-locked = Too many attempts. Please wait for a minute.
operator-none = This kiosk has no PIN. One is set with “autamedica-kiosk --set-pin”.
operator-not-counted = The PIN can't be checked: the disk is full or read-only. Please call technical support.
operator-leave = Close the kiosk
operator-back = Back

# People
role-doctor = Doctor
role-patient = Patient
role-observer = Observer
role-guest = Guest
you = You
person-you = { $name } (you)
person-muted = Microphone off
person-microphone-on = Microphone on
person-speaking = Speaking
person-camera-off = Camera off
person-waiting-picture = The picture is on its way…
video-of = Picture of { $name }
screen-of = Screen of { $name }
self-view = Your picture
quality-excellent = Excellent connection
quality-good = Good connection
quality-poor = Weak connection
quality-lost = No connection
call-time = Time in the consultation: { $time }
encrypted = End-to-end encrypted
direct = Direct
encryption-code = Comparison number: { $code }
encryption-code-advice = If the other person sees the same number, you both use the same key. The clinic's server hands out the key.

# Waiting for the other side
alone-title-doctor = Waiting for the patient
alone-lead-doctor = They haven't joined yet. You will see them here as soon as they do.
alone-title-waited = The patient is waiting for you
alone-lead-waited = Let them in when you are ready.
alone-title-patient = Waiting for the doctor
alone-lead-patient = You are in the consultation. You can leave this window open; the doctor will appear here.
alone-title-doctor-left = The patient has left the consultation
alone-lead-doctor-left = You can wait in case they come back, or end the consultation.
alone-title-patient-left = Your doctor has left the consultation
alone-lead-patient-left = You can wait here in case they come back. If you had finished, you can hang up.
alone-title-observer = Nobody is here yet
alone-lead-observer = You are in the consultation. You will see and hear the others as soon as they come.
alone-title-observer-left = The others have left the consultation
alone-lead-observer-left = You can wait in case they come back. If they had finished, you can hang up.
alone-title-reconnecting = Restoring the consultation…
alone-lead-reconnecting = We don't know yet who is still in it. You will see it here in a moment.

# Call buttons
microphone-caption = Microphone
microphone-mute = Mute the microphone
microphone-unmute = Unmute the microphone
camera-caption = Camera
camera-stop = Turn the camera off
camera-start = Turn the camera on
stop-caption = Stop
chat-caption = Chat
chat-open = Open the chat
chat-open-unread = { $count ->
    [one] Open the chat, 1 new message
   *[other] Open the chat, { $count } new messages
  }
chat-close = Close the chat
more-caption = More
more-open = More options
more-people = People
more-hide-self = Hide my picture
more-show-self = Show my picture
more-full-screen = Full screen
more-window = Leave full screen
hang-up-caption = Hang up
hang-up = Hang up and leave the consultation

# Panel
panel-chat = Chat
panel-people = People
panel-close = Close the panel
chat-empty = Messages of this consultation will appear here.
chat-hint = Type a message
chat-listening = You can only read. The doctor can let you write.
listening = You are listening to the consultation
listening-advice = Nobody sees or hears you. The doctor can let you speak.
chat-input = Message
chat-send = Send
chat-failed = Not sent
chat-again = Send again
chat-again-named = Send again: { $text }
chat-copy = Copy the message
chat-from-you = You, { $time }
chat-from = { $name } at { $time }
chat-told = { $name }, according to { $teller }, at { $time }
chat-left-out = { $count ->
    [one] One message isn't shown: too many came at once.
   *[other] { $count } messages aren't shown: too many came at once.
}

# States
recording-on = RECORDING { $time }
recording-asking = Asking for permission to record…
recording-paused = Recording paused
consent-title = May this consultation be recorded?
consent-lead = The doctor would like to record the picture and the sound. The recording is kept by the clinic, protected, as part of your medical record.
consent-choice = You decide. If you say no, the consultation goes on just the same, without being recorded.
consent-yes = Yes, it may be recorded
consent-no = No, don't record
recording-declined = The patient prefers not to be recorded
recording-declined-next = The consultation goes on without a recording.
recording-starting = Starting to record…
share-starting = Starting to share your screen…
share-on = You are sharing your screen
reconnecting = Restoring the connection… { $seconds } s
reconnecting-lead = Please keep the window open. If you prefer, you can hang up and join again.
notice-dismiss = Got it

camera-problem-not-found = We can't find your camera
camera-problem-busy = Another program is using your camera
camera-problem-denied = We aren't allowed to use your camera
camera-problem-unplugged = Your camera was unplugged
camera-problem-silent = Your camera sends no picture
camera-problem-unsupported = We can't use this camera
camera-problem-failed = Your camera doesn't respond
camera-advice-not-found = Plug it in and it will start by itself. Meanwhile they can hear you.
camera-advice-busy = Close the other program and it will start by itself.
camera-advice-denied = Allow the use of the camera in the settings of this computer.
camera-advice-unplugged = Plug it in again and it will go on by itself.
camera-advice-silent = Check that it isn't covered, or unplug it and plug it in again.
camera-advice-unsupported = Try another camera. You can go on with your voice only.
camera-advice-failed = Unplug it and plug it in again.
microphone-problem-not-found = We can't find your microphone
microphone-problem-busy = Another program is using your microphone
microphone-problem-denied = We aren't allowed to use your microphone
microphone-problem-unplugged = Your microphone was unplugged
microphone-problem-silent = We can't hear your microphone
microphone-problem-unsupported = We can't use this microphone
microphone-problem-failed = Your microphone doesn't respond
microphone-advice-not-found = Is it plugged in? They will hear you as soon as it is. You can also type in the chat.
microphone-advice-busy = Close the other program and it will start by itself.
microphone-advice-denied = Allow the use of the microphone in the settings of this computer.
microphone-advice-unplugged = Plug it in again and it will go on by itself.
microphone-advice-silent = Is it plugged in? Check that it has no switch of its own turned off.
microphone-advice-unsupported = Try another microphone. You can also type in the chat.
microphone-advice-failed = Unplug it and plug it in again.
speaker-problem = We can't use your speaker
speaker-advice = Plug in headphones or a speaker and turn up the volume. You can also read the chat.
share-problem = The screen could not be shared
share-advice = Try again. If it doesn't work, share a single window, or another screen.
share-permission = Try again. If it doesn't work, allow screen capture in the settings of this computer.
record-unavailable = This server isn't set up for recording. Tell the clinic's technical support.
record-active = It is being recorded already.
record-just-refused = You can ask the patient again in a minute.
record-encrypted = This consultation is encrypted end to end, and can't be recorded here that way. Tell the clinic's technical support.
record-unreachable = The clinic's server doesn't answer. Try again in a moment.
record-denied = The clinic's server didn't allow it. Tell the clinic's technical support.
record-broke = The recording broke off
record-broke-next = What was recorded before is kept. You can start another one.
record-problem = The recording did not start
encryption-problem = We can't decrypt the picture and the sound
encryption-advice = Please both hang up and join again with the link of this consultation.
quality-problem = Your internet connection is weak
quality-advice = Move closer to the router, or turn the camera off so that they hear you better.
foreign-recording = Somebody tried to record this consultation without the clinic
foreign-recording-advice = The clinic stopped that recording and put it on record. What was said until then may have been recorded.

# In the call
person-held-back = Picture paused: the connection is weak
person-options = Options for { $name }
people-more = and { $count } more
page-of = Page { $page } of { $pages }
page-before = Page before
page-after = Next page
tile-pin = Keep large
tile-unpin = Stop keeping large
self-view-move = Drag it to another corner, or move it with the arrow keys
clock-time = { $hour ->
    [one] { $time }
   *[other] { $time }
  }
planned-until = until { $time }
planned-left = { $minutes ->
    [one] 1 min left
   *[other] { $minutes } min left
  }
planned-over = { $minutes ->
    [0] time is up
    [one] 1 min longer than planned
   *[other] { $minutes } min longer than planned
  }
talking = They hear you. Let go of the space bar to be silent
more-statistics = Call quality
more-float = Small window, always on top
more-float-minimised = Small window when minimised
more-keys = Keyboard shortcuts
float-title = AutaMedica: call in progress
float-back = Back to the large window
dialog-cancel = Cancel
dialog-close = Close

# Devices
sound-devices = Choose microphone and speaker
camera-devices = Choose camera
offer-camera = We found the camera “{ $name }”. Do you want to use it?
offer-microphone = We found the microphone “{ $name }”. Do you want to use it?
offer-speaker = We found “{ $name }” to listen with. Do you want to use it?
offer-use = Use it
offer-not-now = Not now

# Files in the chat
file-attach = Send a file or a photo
file-attach-title = Choose the file or photo
file-drop = Drop the file here to send it to everybody
file-path-send = Type where the file is:
file-path-save = Type where to save the file:
file-save = Save as…
file-save-named = Save { $name } as…
file-save-title = Save the file
file-saved = Saved in { $path }
file-moving = On its way: { $percent } %
file-picture = Photo: { $name }
file-too-large = Not sent: it is too large. Please send a smaller file.
file-wrong-type = Not sent: this type of file isn't accepted. Please send a photo or a PDF.
file-failed = It didn't arrive whole. Please send it again.
toast-file = sent { $file }

# Quality
panel-statistics = Quality
statistics-none = Nothing has been measured yet. It takes a few seconds.
statistics-rate = Rate
statistics-sent = Sent { $kbps } kbit/s
statistics-received = Received { $kbps } kbit/s
statistics-loss = Loss
statistics-loss-now = { $percent } % lost
statistics-delay = Delay
statistics-round-trip = Round trip: { $trip }
statistics-round-trip-unknown = Round trip: not measured
statistics-jitter = Jitter { $ms } ms
statistics-fps = { $fps } frames/s
statistics-kbps = { $kbps } kbit/s
statistics-track = loss { $loss } %, jitter { $jitter } ms
track-camera = Camera
track-microphone = Microphone
track-screen = Screen
track-screen-sound = Sound of the screen
track-other = Another signal

# Keyboard shortcuts
keys-title = Keyboard shortcuts
keys-microphone = Mute or unmute the microphone
keys-camera = Stop or start the camera
keys-space = Space bar
keys-talk = With the microphone muted: talk while you hold it
keys-chat = Open or close the chat
keys-full-screen = Full screen
keys-escape = Close what is open
keys-tab = Go from button to button
keys-double-click = Double click
keys-pin = On a picture: keep it large
keys-sheet = See these shortcuts

# Short messages
toast-joined = { $name } joined the consultation
toast-left = { $name } left the consultation
toast-message = { $name } — { $text }
toast-muted = Your microphone is off
toast-unmuted = Your microphone is on
toast-camera-stopped = Your camera is off
toast-camera-started = Your camera is on
toast-recording-on = The consultation is being recorded
toast-recording-off = The recording has ended
toast-held-back = The connection is weak: the voice goes on, and the picture will come back
toast-pictures-back = The connection is better: the picture is back
toast-time-soon = 5 minutes are left of the planned time
toast-time-over = The planned time is up. You may go on if you need to
toast-back = The connection is back

# End
end-hung-up = The consultation has ended
end-hung-up-next = Thank you. You can close this window now.
end-room-closed = The consultation has ended
end-room-closed-next = It was closed for everybody. If you need anything else, call the clinic.
end-refused = The doctor could not see you now
end-refused-next = Please contact the clinic to arrange another time.
end-removed = You are no longer in the consultation
end-removed-next = You were removed from the consultation. If you think this is a mistake, call the clinic.
end-joined-elsewhere = The consultation goes on at another computer
end-joined-elsewhere-next = You joined with the same link from somewhere else. If it wasn't you, tell the clinic.
end-connection-lost = The connection was lost
end-connection-lost-next = Check your internet and join again to continue the consultation.
end-server-unreachable = We can't reach the clinic
end-server-unreachable-next = Check your internet and try again. If it stays like this, call the clinic.
end-not-allowed = This link doesn't work
end-not-allowed-next = It may be expired, used or incomplete. Ask the clinic for another link.
end-no-appointment = There is no appointment with that code
end-no-appointment-next = Check the eight digits and try again. If they are right, call the clinic.
end-no-clinic = This computer isn't connected to your clinic
end-no-clinic-next = The code alone works on the clinic's own computers. Here, use the link you received; if you don't have it, ask the clinic for it.
end-too-early = It is still early
end-too-early-next = You can join from 15 minutes before the time of your appointment. Please try again then.
end-over = This consultation is over
end-over-next = If something is still open, call the clinic: only they can open it again.
end-cancelled = This consultation was cancelled
end-cancelled-next = Call the clinic to arrange another time.
end-clinic-trouble = The clinic has a technical problem
end-clinic-trouble-next = Your computer and your connection are fine. Try again in a few minutes. If it stays like this, call the clinic.
end-join-failed = We could not join the consultation
end-join-failed-next = Try again in a moment. If it stays like this, call the clinic.
end-lasted = { $minutes ->
    [one] It took 1 minute.
   *[other] It took { $minutes } minutes.
  }
end-lasted-less = It took less than a minute.
end-rejoin = Join again
end-retry = Try again
end-done = Done
end-kiosk-next = Thank you for your visit. You can go now.
end-how = How was the call?
end-star = { $count ->
    [one] 1 star of 5
   *[other] { $count } stars of 5
  }
end-why = What wasn't good? You can choose several things.
end-tell = Send feedback
end-telling = Sending your feedback…
end-told = Thank you, your feedback helps us improve.
end-not-told = Your feedback didn't arrive. You can send it again, or leave it.
reason-heard-badly = I heard badly
reason-was-heard-badly = They heard me badly
reason-echo = There was an echo
reason-bad-picture = The picture was bad
reason-frozen = The picture froze
reason-dropped = It broke off
reason-hard-to-join = It was hard to get in
reason-other = Something else
