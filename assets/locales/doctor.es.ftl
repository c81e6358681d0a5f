# Lo que solo ve el doctor. Un kiosco se construye sin estos textos.

panel-notes = Notas

# Quién espera
waiting-since = { $minutes ->
    [0] { $name } acaba de llegar y espera (desde las { $time })
    [one] { $name } espera desde las { $time } (1 min)
   *[other] { $name } espera desde las { $time } ({ $minutes } min)
  }
waiting-admit = Hacer pasar
waiting-admit-named = Hacer pasar a { $name }
waiting-refuse = No recibir
waiting-refuse-named = No recibir a { $name }
waiting-more = { $count ->
    [one] Espera 1 persona más: está en la lista de personas
   *[other] Esperan { $count } personas más: están en la lista de personas
  }

# Personas
person-mute = Silenciar
person-remove = Sacar de la consulta…
remove-title = ¿Sacar a { $name } de la consulta?
remove-lead = Ya no podrá volver a entrar con el mismo enlace.
remove-yes = Sacar
refuse-title = ¿No recibir a { $name }?
refuse-lead = Se le dirá que llame a la clínica para acordar otra hora.
refuse-yes = No recibir

# Terminar
more-end = Terminar para todos…
end-all-title = ¿Terminar la consulta para todos?
end-all-lead = Todos saldrán de la consulta, y se cerrará. Para salir solo usted, cuelgue.
end-all-yes = Terminar para todos

# Lo que no se pudo
control-failed-admit = No se pudo hacer pasar a la persona
control-failed-refuse = No se pudo rechazar a la persona
control-failed-remove = No se pudo sacar a la persona
control-failed-mute = No se pudo silenciar a la persona
control-failed-end = No se pudo terminar la consulta
control-failed-next = Inténtelo otra vez en un momento. Si sigue igual, avise al responsable técnico de la clínica.

# Compartir
share-caption = Compartir
share-start = Compartir la pantalla
share-stop = Dejar de compartir la pantalla
share-title = ¿Qué quiere compartir?
share-looking = Mirando qué hay en este equipo…
share-lead = Todos en la consulta verán lo que elija. Cierre antes lo que no deban ver.
share-whole = Toda la pantalla
share-monitor = Pantalla { $name }
share-go = Compartir

# Grabar
record-caption = Grabar
record-start = Grabar la consulta
record-stop = Detener la grabación

# Notas
more-notes = Mis notas
notes-lead = Solo para usted: no se envían a nadie. Se borran al terminar si no las guarda.
notes-hint = Escriba aquí sus notas
notes-field = Mis notas de la consulta
notes-save = Guardar como texto
notes-save-title = Guardar las notas
notes-file = notas.txt
notes-path = Carpeta y nombre del archivo
notes-saved = Guardadas en { $path }
notes-failed = No se pudieron guardar. Elija otra carpeta, por favor.
notes-left-title = Tiene notas sin guardar
notes-left-lead = La consulta terminó. Si no guarda sus notas ahora, se borran.
notes-drop = Borrar las notas

# Atajos
keys-share = Compartir la pantalla, o dejar de compartirla
keys-admit = Hacer pasar a quien espera

# Inicio del doctor y ajustes
start-title-doctor = Sus consultas por video
start-lead-doctor = Pegue el enlace de la consulta, o escriba su código.
day-today = Hoy
day-asking = Preguntando por las consultas de hoy…
day-empty = No hay consultas para hoy.
day-no-key = Este equipo aún no está unido a la clínica
day-no-key-advice = Para ver aquí las consultas de hoy, ejecute «autamedica --pair». Mientras tanto puede pegar un enlace.
day-refused = La clínica no reconoce este equipo
day-refused-advice = Su clave puede estar vencida. Pida otra a quien administra el sistema y ejecute «autamedica --pair».
day-unreachable = No podemos llegar a la clínica
day-unreachable-advice = Seguimos intentándolo cada pocos segundos. Revise su internet.
day-consultation = Consulta { $id }
day-created = Programada
day-waiting = { $minutes ->
    [one] El paciente espera desde hace 1 minuto
   *[other] El paciente espera desde hace { $minutes } minutos
  }
day-waiting-now = El paciente acaba de llegar
day-live = En curso
day-ended = Terminada
day-cancelled = Cancelada
day-enter = Entrar
day-enter-which = Entrar en la consulta { $id } de las { $time }
recent-title = Recientes
recent-forget = Olvidarlas

settings-open = Abrir los ajustes
settings-title = Ajustes
settings-devices = Dispositivos
settings-devices-asking = Buscando dispositivos…
settings-picture = Calidad de su imagen
picture-low = Ahorro
picture-standard = Normal
picture-high = Alta
settings-sound = Su sonido
settings-echo = Quitar el eco
settings-noise = Quitar el ruido
settings-gain = Igualar el volumen de su voz
settings-next-call = La calidad de la imagen y del sonido cambia en la próxima llamada.
settings-language = Idioma de la aplicación
settings-text = Tamaño del texto
settings-theme = Colores
theme-light = Claros
theme-dark = Oscuros
theme-system = Los del equipo
settings-motion = Sin animaciones
settings-skip-check = Entrar sin la prueba previa
settings-shortcuts = Teclas
shortcut-space = Barra espaciadora
shortcut-microphone = Apagar o encender el micrófono
shortcut-camera = Apagar o encender la cámara
shortcut-share = Compartir la pantalla
shortcut-full-screen = Pantalla completa
shortcut-talk = Hablar mientras se mantiene pulsada
shortcut-close = Cerrar lo que esté abierto
settings-back = Listo
settings-back-to-call = Volver a la consulta
settings-not-kept = No se pudieron guardar los ajustes: valen hasta que cierre la aplicación. Revise el espacio en disco.
settings-broken = No entendimos los ajustes guardados y empezamos de nuevo. Los anteriores están en { $file }
