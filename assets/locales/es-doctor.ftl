# Textos de las pantallas del doctor y de los ajustes. Un puesto para pacientes no los contiene.

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
