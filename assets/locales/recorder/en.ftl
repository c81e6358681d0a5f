# What the recording writes into the picture.
recorder-nobody = Nobody is in the consultation yet
recorder-camera-off = Camera off
recorder-no-picture = No picture at the moment
recorder-reconnecting = The connection was lost. Reconnecting…
recorder-screen = { $name }’s screen
recorder-patient = Patient
recorder-doctor = Doctor
recorder-observer = Observer
