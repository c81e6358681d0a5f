# Lo que la grabación escribe en la imagen.
recorder-nobody = Todavía no hay nadie en la consulta
recorder-camera-off = Cámara apagada
recorder-no-picture = Sin imagen por el momento
recorder-reconnecting = Se perdió la conexión. Reconectando…
recorder-screen = Pantalla de { $name }
recorder-patient = Paciente
recorder-doctor = Médico/a
recorder-observer = Acompañante
