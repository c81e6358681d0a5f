# Lo que solo ve el doctor. Un kiosco se construye sin estos textos.

panel-notes = Notas

# Quién espera
waiting-since = { $minutes ->
    [0] { $name } acaba de llegar y espera (desde { $time })
    [one] { $name } espera desde { $time } (1 min)
   *[other] { $name } espera desde { $time } ({ $minutes } min)
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
person-original-sound = Activar su sonido original
person-processed-sound = Desactivar su sonido original
original-sound-start = Activar el sonido original
person-permit = Dejar que hable
person-forbid = Que solo escuche
person-remove = Retirar de la consulta…
remove-title = ¿Retirar a { $name } de la consulta?
remove-lead = Ya no podrá volver a entrar con el mismo enlace.
remove-yes = Retirar
refuse-title = ¿No recibir a { $name }?
refuse-lead = Se le dirá que llame a la clínica para acordar otra hora.
refuse-yes = No recibir

# Invitar
more-invite = Invitar a un acompañante…
invite-title = Invitar a un acompañante
invite-lead = Por ejemplo, un intérprete, un familiar o un estudiante. Verá y oirá la consulta, y hablará solo si usted lo permite.
invite-field = Quién es, como lo verán los demás
invite-hint = Intérprete
invite-go = Crear el enlace
invite-busy = Creando el enlace…
invite-ready = Envíe este enlace solo a esa persona ({ $label }): quien lo tenga puede entrar.
invite-link = Enlace para el acompañante
invite-copy = Copiar el enlace
invite-copied = Copiado
invite-close = Listo
invite-too-many = Ya hay dos acompañantes. Retire a uno antes de invitar a otro.
invite-failed = No se pudo crear el enlace. Inténtelo otra vez en un momento.

# Terminar
more-move = Pasar la llamada al servidor (para grabar o sumar a alguien)
more-end = Terminar para todos…
end-all-title = ¿Terminar la consulta para todos?
end-all-lead = Todos saldrán de la consulta, y se cerrará. Para salir solo usted, cuelgue.
end-all-yes = Terminar para todos
hang-up-title = ¿Salir solo usted, o terminar la consulta?
hang-up-lead = Si sale solo usted, las demás personas quedan en la consulta.
hang-up-leave = Salir solo yo
hang-up-end = Terminar para todos
hang-up-remembered = Su respuesta vale también para las próximas consultas. Puede cambiarla en los ajustes.
hang-up-ask = Preguntar

# Lo que no se pudo
control-failed-admit = No se pudo hacer pasar a la persona
control-failed-refuse = No se pudo despedir a la persona
control-failed-remove = No se pudo retirar a la persona
control-failed-mute = No se pudo silenciar a la persona
control-failed-permit = No se pudo cambiar lo que puede hacer el acompañante
control-failed-end = No se pudo terminar la consulta
control-failed-move = No se pudo pasar la llamada al servidor
control-failed-next = Inténtelo otra vez en un momento. Si sigue igual, avise al soporte técnico de la clínica.

# Compartir
share-caption = Compartir
share-start = Compartir la pantalla
share-stop = Dejar de compartir la pantalla
share-title = ¿Qué quiere compartir?
share-looking = Buscando ventanas y pantallas…
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
start-lead-doctor = Pegue el enlace, o escriba el código de la consulta.
start-code-wrong-doctor = No encontramos ahí un código ni un enlace. Revíselo, por favor, e inténtelo otra vez.
day-today = Hoy
day-asking = Buscando las consultas de hoy…
day-empty = No hay consultas para hoy.
day-no-key = Este equipo aún no está unido a la clínica
day-no-key-advice = Para ver aquí las consultas de hoy, ejecute «autamedica --pair». Mientras tanto puede pegar un enlace.
day-refused = La clínica no reconoce este equipo
day-refused-advice = Su clave puede estar vencida. Pida otra al soporte técnico de la clínica y ejecute «autamedica --pair».
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
day-enter-which = Entrar en la consulta { $id } de { $time }
day-notice = Aviso
day-notice-which = Aviso al paciente de la consulta { $id } de { $time }
day-notice-now = Aviso: { $notice }
notice-title = Aviso al paciente
notice-lead = El paciente lo lee en la sala de espera.
notice-late = La consulta empezará unos { $minutes } minutos más tarde.
notice-field = Lo que el paciente debe saber
notice-send = Guardar el aviso
notice-remove = Quitar el aviso
notice-cancel = Cancelar
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
settings-camera-size = Tamaño de la imagen de la cámara
camera-size-automatic = Automático
settings-sound = Su sonido
settings-echo = Quitar el eco
settings-noise = Quitar el ruido
settings-gain = Igualar el volumen de su voz
settings-language = Idioma de la aplicación
settings-text = Tamaño del texto
settings-theme = Colores
theme-light = Claros
theme-dark = Oscuros
theme-system = Los del equipo
settings-motion = Sin animaciones
settings-skip-check = Entrar sin la prueba previa
settings-hang-up = Al colgar
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

# Grabaciones
day-recordings = { $count ->
    [one] 1 grabación
   *[other] { $count } grabaciones
  }
day-recordings-which = Grabaciones de la consulta { $id } de { $time }
recordings-title = Grabaciones
recordings-back = Volver a la lista
recordings-asking = Buscando las grabaciones…
recordings-empty = Esta consulta no tiene grabaciones.
recordings-no-key-advice = Solo un equipo unido a la clínica muestra grabaciones: ejecute «autamedica --pair».
recordings-leave-title = Una grabación todavía se está descargando
recordings-leave-lead = Si vuelve ahora, la descarga se cancela y no queda nada de ella en este equipo.
recordings-leave-yes = Cancelar la descarga y volver
recording-when = { $day } de { $month } de { $year }, { $time }
recording-month = { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[other] diciembre
  }
recording-measure = Dura { $time } · { $size }
recording-parts = { $count } partes
recording-part = Parte { $part }
recording-file = consulta-{ $name }
recording-encrypted = Almacenada con cifrado
recording-not-encrypted = Almacenada sin cifrado
recording-state-asking = Esperando el permiso del paciente
recording-state-starting = Empezando a grabar
recording-state-on = Grabando ahora
recording-state-paused = En pausa hasta que todos den permiso
recording-state-stopping = Terminando el archivo
recording-state-storing = Enviando al archivo de la clínica
recording-state-ready = Lista
recording-state-refused = El paciente prefirió que no se grabara
recording-state-cancelled = Se canceló antes de empezar
recording-state-failed = No se pudo grabar
recording-state-deleted = Borrada
recording-trouble = Hay un problema con la grabación
recording-trouble-crashed = La grabación se cortó y siguió en otra parte: pueden faltar unos segundos entre las dos.
recording-trouble-missing = No se pudo recuperar una parte. Avise al soporte técnico de la clínica.
recording-trouble-withdrawn = El paciente retiró su permiso, y la grabación termina ahí.
recording-trouble-disk = El disco del servidor está lleno. Lo grabado se conserva; avise al soporte técnico de la clínica.
recording-trouble-file = El servidor no pudo escribir o leer el archivo. Avise al soporte técnico de la clínica.
recording-trouble-connection = Se perdió la conexión mientras se grababa: falta lo que pasó entretanto.
recording-trouble-not-joined = La grabadora no pudo entrar en la consulta. Avise al soporte técnico de la clínica.
recording-trouble-undecryptable = Una parte de la imagen o del sonido no se pudo descifrar y no está en la grabación.
recording-trouble-slow = El servidor iba lento: la imagen puede dar saltos. El sonido está completo.
recording-trouble-kind = El archivo es de tipo MKV. Casi todos los reproductores lo abren.
recording-trouble-storage = El lugar donde se conserva no responde. Se sigue intentando, y no se pierde nada.
recording-trouble-room = No queda espacio donde se conservan las grabaciones. Lo grabado sigue en el servidor; avise al soporte técnico de la clínica.
recording-trouble-unavailable = El servicio de grabación no tiene ninguna grabadora libre. Avise al soporte técnico de la clínica.
recording-trouble-not-encrypted = El almacenamiento no cifra lo que recibe, así que la grabación no queda guardada como debe. Avise al soporte técnico de la clínica.
recording-trouble-differs = La copia no salió igual, y se copia otra vez. No se pierde nada.
recording-trouble-other = La grabación tuvo un problema. Avise al soporte técnico de la clínica.
recording-play = Ver
recording-play-which = Ver la grabación del { $when }
recording-play-part = Ver la parte { $part } de la grabación del { $when }
recording-save = Guardar…
recording-save-which = Guardar la grabación del { $when }
recording-save-part = Guardar la parte { $part } de la grabación del { $when }
recording-save-title = ¿Dónde quiere guardar la grabación?
recording-save-lead = Elija un lugar que solo usted pueda abrir. Escriba la carpeta y el nombre del archivo.
recording-save-path = Carpeta y nombre de la grabación
recording-save-taken = Ya hay un archivo con ese nombre. Escriba otro, por favor.
recording-save-go = Guardar
recording-delete = Borrar…
recording-delete-which = Borrar la grabación del { $when }
recording-delete-title = ¿Borrar la grabación del { $when }?
recording-delete-lead = { $count ->
    [one] Se borra su archivo ({ $time }, { $size }) para todos y para siempre. Queda anotado que existió y quién la borró.
   *[other] Se borran sus { $count } archivos ({ $time }, { $size }) para todos y para siempre. Queda anotado que existió y quién la borró.
  }
recording-delete-yes = Borrar para siempre
recording-deleting = Borrando…
recording-delete-unreachable = No se pudo borrar: la clínica no responde. Inténtelo otra vez en un momento.
recording-delete-denied = No se pudo borrar: este equipo no tiene permiso. Avise al soporte técnico de la clínica.
recording-delete-unfinished = No se pudo borrar: la grabación todavía no ha terminado. Inténtelo cuando esté lista.
recording-cancel-which = Cancelar la descarga de la grabación del { $when }
recording-cancel-part = Cancelar la descarga de la parte { $part } de la grabación del { $when }
recording-fetching-play = Descargando para verla: { $percent } % ({ $here } de { $whole })
recording-fetching-save = Guardando: { $percent } % ({ $here } de { $whole })
recording-playing = Se abrió en el reproductor de este equipo. La copia se borra al cerrar AutaMedica.
recording-saved = Guardada en { $path }. Está completa.
recording-fetch-unreachable = La descarga se cortó: la clínica no responde. Revise su internet e inténtelo otra vez.
recording-fetch-denied = Este equipo no tiene permiso para descargarla. Avise al soporte técnico de la clínica.
recording-fetch-gone = El archivo no está donde se guardaba. Inténtelo otra vez; si sigue igual, avise al soporte técnico.
recording-fetch-differs = Lo que llegó no es lo que se grabó, así que no se conservó. Inténtelo otra vez; si sigue igual, avise al soporte técnico.
recording-fetch-disk-full = No hay espacio en este equipo. Libere espacio, o guárdela en otro disco.
recording-fetch-not-writable = No se puede escribir en ese lugar. Elija otra carpeta, por favor.
recording-fetch-no-player = Este equipo no tiene con qué verla. Guárdela y ábrala donde haya un reproductor de video.
