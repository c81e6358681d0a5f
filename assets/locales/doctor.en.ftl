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
