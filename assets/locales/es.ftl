# Textos en español. Frases cortas, amables y concretas; siempre de usted.
# Todo error dice qué hacer después.

app-name = AutaMedica
language-switch = Idioma

# Inicio
start-title-patient = Le damos la bienvenida
start-lead-patient = Escriba el código de su cita, o pegue el enlace que recibió.
start-code = Enlace o código
start-code-hint = 3183 6728, o el enlace completo
start-paste = Pegar
start-enter = Entrar
start-calm = Su imagen y su voz no se transmiten hasta que usted entre.
start-code-missing = Escriba primero el código, o pegue el enlace.
start-code-wrong = No encontramos ahí un código ni un enlace. El código tiene ocho dígitos. Revíselo, por favor, e inténtelo otra vez.
start-link-wrong = Este enlace no lleva a ninguna consulta. Cópielo otra vez, entero, por favor.

# Entrando
joining-title = Entrando en la consulta…
joining-lead = Estamos conectando su cámara y su micrófono. Tarda unos segundos.
joining-slow = Está tardando más de lo normal. Puede seguir esperando, o cancelar e intentarlo otra vez.
joining-again = La clínica no está lista todavía. Seguimos intentándolo; no tiene que hacer nada.
joining-again-for = { $seconds ->
    [one] Intentando desde hace 1 segundo.
   *[other] Intentando desde hace { $seconds } segundos.
  }
joining-cancel = Cancelar

# Prueba antes de entrar
check-title = Antes de entrar
check-lead = Comprobemos que se le vea y se le oiga bien.
check-starting = Un momento, lo estamos abriendo…
check-camera-on = Su cámara funciona
check-camera-off = Entrará sin cámara
check-camera-off-advice = Su médico o médica oirá su voz, pero no verá su imagen. Si quiere mostrarla, elija una cámara.
check-level = Nivel del micrófono
check-say-something = Diga algo, por favor: «Buenos días».
check-voice-heard = Se le oye bien
check-voice-faint = Se le oye muy bajo
check-voice-faint-advice = Acérquese al micrófono, hable más alto o elija otro micrófono.
check-voice-silent = No se le oye
check-voice-silent-advice = Puede que este no sea el micrófono correcto. Elija otro en la lista y diga algo.
check-voice-muted = Su micrófono parece silenciado
check-voice-muted-advice = Actívelo en los ajustes de sonido del equipo, o con el botón del propio micrófono.
check-microphone-off = Entrará sin micrófono
check-microphone-off-advice = Su médico o médica no podrá oír su voz. Elija un micrófono de la lista.
check-speaker-not-found = No encontramos un altavoz
check-speaker-advice = Conecte unos auriculares o un altavoz, elíjalo en la lista y suba el volumen.
check-sound-play = Probar el sonido
check-sound-playing = Suenan tres notas…
check-sound-asked = ¿Oyó las tres notas?
check-sound-heard = Oye bien
check-sound-not-heard = No oyó el sonido
check-yes = Sí, las oí
check-no = No
check-network = Conexión
check-network-none = Aquí no podemos probar la conexión: esta sala no es de una clínica. Puede entrar.
check-network-connecting = Conectando con el servidor de video…
check-network-measuring = Midiendo la conexión. Tarda unos segundos.
check-network-good = Conexión buena
check-network-fair = La conexión alcanza
check-network-fair-advice = La imagen puede verse algo borrosa. Acérquese al router si puede.
check-network-poor = Conexión débil
check-network-poor-advice = Acérquese al router o use un cable. Si no mejora, entre sin cámara: se le oirá mejor.
check-network-figures = Ida y vuelta { $trip } · sube { $up } y baja { $down } Mbit/s · pérdida { $loss } %
milliseconds = { $ms } ms
milliseconds-none = menos de 1 ms
check-network-unreachable = No podemos llegar a la clínica
check-network-unreachable-advice = Revise su internet. Si otras páginas abren, llame a la clínica.
check-network-refused = La clínica no permitió la prueba
check-network-refused-advice = Puede intentar entrar. Si no funciona, pida otro enlace a la clínica.
check-clinic-trouble-advice = Su conexión llega hasta la clínica. Puede intentar entrar: seguiremos probando mientras espera.
check-network-blocked = El video no llega
check-network-blocked-advice = Puede que esta red bloquee las videollamadas. Pruebe con otra red, o con los datos del teléfono.
check-network-slow = La conexión es demasiado lenta para medirla
check-network-slow-advice = Acérquese al router o use otra red. Puede intentar entrar sin cámara.
check-network-busy = Este equipo está muy ocupado
check-network-busy-advice = No es su conexión. Cierre otros programas y pruebe otra vez. También puede entrar.
check-network-failed = No pudimos probar la conexión
check-network-failed-advice = No es su conexión: falló nuestra prueba. Inténtelo otra vez. También puede entrar sin la prueba.
check-network-again = Probar otra vez
check-enter = Entrar
check-back = Volver
camera-default = La predeterminada del sistema
microphone-default = El predeterminado del sistema
speaker-default = El predeterminado del sistema
camera-none = Ninguna
microphone-none = Ninguno
speaker-none = Ninguno
camera-test = Imagen de prueba
microphone-test = Sonido de prueba
speaker-test = Altavoz de prueba
speaker-caption = Altavoz

# Un servidor nuevo
server-title = ¿Conoce a quien envía la invitación?
server-lead = El enlace lleva a este servidor, en el que usted no ha entrado antes:
server-warning = Si continúa, quien lo administra podrá ver y oír lo que capten su cámara y su micrófono.
server-no = No, volver
server-yes = Sí, continuar
server-yes-named = Sí, continuar a { $server }

# Un enlace que llega durante una consulta
other-link-title = ¿Salir de esta consulta?
other-link-lead = Abrió otro enlace. Si entra con él, sale de la consulta en la que está ahora.
other-link-yes = Salir y entrar en la otra

# Sala de espera
waiting-title = Su médico o médica ya sabe que usted está aquí
waiting-since-now = Acaba de llegar.
waited-for = { $minutes ->
    [one] Espera: 1 minuto.
   *[other] Espera: { $minutes } minutos.
  }
waiting-lead = Puede dejar esta ventana abierta: la consulta empezará aquí en cuanto le permitan pasar. Su imagen y su voz todavía no se transmiten.
waiting-title-alone = Está en la sala de espera
waiting-lead-alone = Su médico o médica todavía no ha llegado; cuando llegue, sabrá que usted está aquí. Puede dejar esta ventana abierta. Su imagen y su voz todavía no se transmiten.
waiting-leave = Salir

# Puesto de la clínica
keypad-title = Escriba el código de su cita
keypad-typed = { $count ->
    [one] 1 dígito escrito
   *[other] { $count } dígitos escritos
  }
keypad-incomplete = El código tiene ocho dígitos.
keypad-back = Borrar el último dígito
keypad-help = Ayuda
keypad-help-text = El código está en el mensaje de su cita. Si no lo encuentra, pregunte en recepción.
keypad-staff = Personal de la clínica
keypad-continue = Continuar
operator-title = Personal de la clínica
operator-lead = Escriba el PIN para cerrar este puesto.
operator-trying = Comprobando el PIN…
operator-wrong = Ese PIN no es correcto. Inténtelo otra vez.
operator-locked = Demasiados intentos. Espere un minuto, por favor.
operator-none = Este puesto no tiene PIN. Se configura con «autamedica-kiosk --set-pin».
operator-not-counted = No se puede comprobar el PIN: el disco está lleno o protegido. Avise al soporte técnico.
operator-leave = Cerrar el puesto
operator-back = Volver

# Personas
role-doctor = Médico/a
role-patient = Paciente
role-observer = Acompañante
role-guest = Invitado
you = Usted
person-you = { $name } (usted)
person-muted = Micrófono apagado
person-microphone-on = Micrófono encendido
person-speaking = Está hablando
person-camera-off = Cámara apagada
person-waiting-picture = La imagen llega enseguida…
video-of = Imagen de { $name }
screen-of = Pantalla de { $name }
self-view = Su imagen
quality-excellent = Conexión excelente
quality-good = Conexión buena
quality-poor = Conexión débil
quality-lost = Sin conexión
call-time = Tiempo de consulta: { $time }
encrypted = Cifrado de extremo a extremo
direct = Directa
encryption-code = Número de comparación: { $code }
encryption-code-advice = Si la otra persona ve el mismo número, los dos usan la misma clave. La clave la entrega el servidor de la clínica.

# Esperando al otro
alone-title-doctor = Esperando al paciente
alone-lead-doctor = Todavía no ha entrado. En cuanto llegue, lo verá aquí.
alone-title-waited = El paciente está esperando
alone-lead-waited = Hágalo pasar cuando quiera.
alone-title-patient = Esperando a su médico o médica
alone-lead-patient = Ya está en la consulta. Puede dejar esta ventana abierta: podrá ver aquí a su médico o médica en cuanto llegue.
alone-title-doctor-left = El paciente salió de la consulta
alone-lead-doctor-left = Puede esperar por si vuelve, o terminar la consulta.
alone-title-patient-left = Su médico o médica salió de la consulta
alone-lead-patient-left = Puede esperar aquí por si vuelve. Si ya terminaron, puede colgar.
alone-title-observer = Todavía no hay nadie
alone-lead-observer = Está en la consulta. Verá y oirá a los demás en cuanto lleguen.
alone-title-observer-left = Los demás salieron de la consulta
alone-lead-observer-left = Puede esperar por si vuelven. Si habían terminado, puede colgar.
alone-title-reconnecting = Recuperando la consulta…
alone-lead-reconnecting = Todavía no sabemos quién sigue en ella. En un momento se verá aquí.

# Botones de la llamada
microphone-caption = Micrófono
microphone-mute = Silenciar el micrófono
microphone-unmute = Activar el micrófono
camera-caption = Cámara
camera-stop = Apagar la cámara
camera-start = Encender la cámara
stop-caption = Detener
chat-caption = Chat
chat-open = Abrir el chat
chat-open-unread = { $count ->
    [one] Abrir el chat, 1 mensaje nuevo
   *[other] Abrir el chat, { $count } mensajes nuevos
  }
chat-close = Cerrar el chat
more-caption = Más
more-open = Más opciones
more-people = Personas
more-hide-self = Ocultar mi imagen
more-show-self = Mostrar mi imagen
more-full-screen = Pantalla completa
more-window = Salir de pantalla completa
hang-up-caption = Colgar
hang-up = Colgar y salir de la consulta

# Panel
panel-chat = Chat
panel-people = Personas
panel-close = Cerrar el panel
chat-empty = Aquí verá los mensajes de esta consulta.
chat-hint = Escriba un mensaje
chat-listening = Solo puede leer. El médico o la médica puede dejarle escribir.
listening = Está escuchando la consulta
listening-advice = Nadie lo ve ni lo oye. El médico o la médica puede darle la palabra.
chat-input = Mensaje
chat-send = Enviar
chat-failed = No se envió
chat-again = Enviar otra vez
chat-again-named = Enviar otra vez: { $text }
chat-copy = Copiar el mensaje
chat-from-you = Usted, { $time }
chat-from = { $name }, { $time }
chat-told = { $name }, según { $teller }, { $time }
chat-left-out = { $count ->
    [one] No se muestra un mensaje: llegaron demasiados a la vez.
   *[other] No se muestran { $count } mensajes: llegaron demasiados a la vez.
}

# Avisos de estado
recording-on = GRABANDO { $time }
recording-asking = Pidiendo permiso para grabar…
recording-paused = Grabación en pausa
consent-title = ¿Se puede grabar esta consulta?
consent-lead = Su médico o médica quiere grabar la imagen y el sonido. La clínica guarda la grabación, protegida, como parte de su historia clínica.
consent-choice = Usted decide. Si dice que no, la consulta sigue igual, sin grabarse.
consent-yes = Sí, se puede grabar
consent-no = No grabar
recording-declined = El paciente prefiere que no se grabe
recording-declined-next = La consulta sigue sin grabación.
recording-starting = Empezando a grabar…
share-starting = Empezando a compartir su pantalla…
share-on = Está compartiendo su pantalla
reconnecting = Recuperando la conexión… { $seconds } s
reconnecting-lead = No cierre la ventana. Si prefiere, puede colgar y volver a entrar.
notice-dismiss = Entendido

camera-problem-not-found = No encontramos su cámara
camera-problem-busy = Otro programa está usando su cámara
camera-problem-denied = No tenemos permiso para usar su cámara
camera-problem-unplugged = Su cámara se desconectó
camera-problem-silent = Su cámara no envía imagen
camera-problem-unsupported = No podemos usar esta cámara
camera-problem-failed = Su cámara no responde
camera-advice-not-found = Conéctela y se encenderá sola. Mientras tanto, su voz se oye.
camera-advice-busy = Cierre el otro programa y se encenderá sola.
camera-advice-denied = Permita el uso de la cámara en los ajustes del equipo.
camera-advice-unplugged = Vuelva a conectarla y seguirá sola.
camera-advice-silent = Compruebe que no esté tapada, o desconéctela y vuelva a conectarla.
camera-advice-unsupported = Pruebe con otra cámara. Puede seguir la consulta solo con la voz.
camera-advice-failed = Desconéctela y vuelva a conectarla.
microphone-problem-not-found = No encontramos su micrófono
microphone-problem-busy = Otro programa está usando su micrófono
microphone-problem-denied = No tenemos permiso para usar su micrófono
microphone-problem-unplugged = Su micrófono se desconectó
microphone-problem-silent = No escuchamos su micrófono
microphone-problem-unsupported = No podemos usar este micrófono
microphone-problem-failed = Su micrófono no responde
microphone-advice-not-found = ¿Está conectado? En cuanto lo conecte, se le oirá. También puede escribir en el chat.
microphone-advice-busy = Cierre el otro programa y se encenderá solo.
microphone-advice-denied = Permita el uso del micrófono en los ajustes del equipo.
microphone-advice-unplugged = Vuelva a conectarlo y seguirá solo.
microphone-advice-silent = ¿Está conectado? Revise que no esté apagado con su propio botón.
microphone-advice-unsupported = Pruebe con otro micrófono. También puede escribir en el chat.
microphone-advice-failed = Desconéctelo y vuelva a conectarlo.
speaker-problem = No podemos usar su altavoz
speaker-advice = Conecte unos auriculares o un altavoz y suba el volumen. También puede leer el chat.
share-problem = No se pudo compartir la pantalla
share-advice = Inténtelo otra vez. Si no funciona, comparta una sola ventana u otra pantalla.
share-permission = Inténtelo otra vez. Si no funciona, permita la captura de pantalla en los ajustes del equipo.
record-unavailable = Este servidor no está preparado para grabar. Avise al soporte técnico de la clínica.
record-active = Ya se está grabando.
record-just-refused = Puede volver a preguntarle al paciente en un minuto.
record-encrypted = Esta consulta está cifrada de extremo a extremo y aquí no se puede grabar así. Avise al soporte técnico de la clínica.
record-unreachable = El servidor de la clínica no responde. Inténtelo de nuevo en un momento.
record-denied = El servidor de la clínica no lo permitió. Avise al soporte técnico de la clínica.
record-broke = La grabación se interrumpió
record-broke-next = Lo grabado hasta ahora se conserva. Puede empezar otra.
record-problem = La grabación no empezó
encryption-problem = No podemos descifrar la imagen y el sonido
encryption-advice = Cuelguen los dos y entren otra vez con el enlace de esta consulta.
quality-problem = Su conexión a internet es débil
quality-advice = Acérquese al router, o apague la cámara para que se le oiga mejor.
foreign-recording = Alguien intentó grabar esta consulta por fuera de la clínica
foreign-recording-advice = La clínica detuvo esa grabación y dejó constancia. Lo dicho hasta ese momento pudo quedar grabado.

# En la llamada
person-held-back = Imagen en pausa: la conexión es débil
person-options = Opciones de { $name }
people-more = y { $count } más
page-of = Página { $page } de { $pages }
page-before = Página anterior
page-after = Página siguiente
tile-pin = Mantener en grande
tile-unpin = Dejar de mantener en grande
self-view-move = Arrástrela a otra esquina, o muévala con las flechas
clock-time = { $hour ->
    [one] la { $time }
   *[other] las { $time }
  }
planned-until = hasta { $time }
planned-left = { $minutes ->
    [one] queda 1 min
   *[other] quedan { $minutes } min
  }
planned-over = { $minutes ->
    [0] hora cumplida
    [one] 1 min más de lo previsto
   *[other] { $minutes } min más de lo previsto
  }
talking = Se le oye. Suelte la barra espaciadora para callar
more-statistics = Calidad de la llamada
more-float = Ventana pequeña, siempre visible
more-float-minimised = Ventana pequeña al minimizar
more-keys = Atajos de teclado
float-title = AutaMedica: llamada en curso
float-back = Volver a la ventana grande
dialog-cancel = Cancelar
dialog-close = Cerrar

# Aparatos
sound-devices = Elegir micrófono y altavoz
camera-devices = Elegir cámara
offer-camera = Encontramos la cámara «{ $name }». ¿Quiere usarla?
offer-microphone = Encontramos el micrófono «{ $name }». ¿Quiere usarlo?
offer-speaker = Encontramos «{ $name }» para escuchar. ¿Quiere usarlo?
offer-use = Usar
offer-not-now = Ahora no

# Archivos en el chat
file-attach = Enviar un archivo o una foto
file-attach-title = Elija el archivo o la foto
file-drop = Suelte el archivo aquí para enviarlo a todos
file-path-send = Escriba dónde está el archivo:
file-path-save = Escriba dónde guardar el archivo:
file-save = Guardar como…
file-save-named = Guardar { $name } como…
file-save-title = Guardar el archivo
file-saved = Guardado en { $path }
file-moving = En camino: { $percent } %
file-picture = Foto: { $name }
file-too-large = No se envió: es demasiado grande. Envíe un archivo más pequeño, por favor.
file-wrong-type = No se envió: este tipo de archivo no se acepta. Envíe una foto o un PDF, por favor.
file-failed = No llegó entero. Envíelo otra vez, por favor.
toast-file = envió { $file }

# Calidad
panel-statistics = Calidad
statistics-none = Todavía no hay mediciones. Aparecerán en unos segundos.
statistics-rate = Velocidad
statistics-sent = Envío { $kbps } kbit/s
statistics-received = Recepción { $kbps } kbit/s
statistics-loss = Pérdida
statistics-loss-now = { $percent } % perdido
statistics-delay = Demora
statistics-round-trip = Ida y vuelta: { $trip }
statistics-round-trip-unknown = Ida y vuelta: sin medir
statistics-jitter = Variación { $ms } ms
statistics-fps = { $fps } imágenes/s
statistics-kbps = { $kbps } kbit/s
statistics-track = pérdida { $loss } %, variación { $jitter } ms
track-camera = Cámara
track-microphone = Micrófono
track-screen = Pantalla
track-screen-sound = Sonido de la pantalla
track-other = Otra señal

# Atajos de teclado
keys-title = Atajos de teclado
keys-microphone = Silenciar o activar el micrófono
keys-camera = Apagar o encender la cámara
keys-space = Barra espaciadora
keys-talk = Con el micrófono apagado: hablar mientras la mantiene pulsada
keys-chat = Abrir o cerrar el chat
keys-full-screen = Pantalla completa
keys-escape = Cerrar lo que esté abierto
keys-tab = Ir de un botón a otro
keys-double-click = Doble clic
keys-pin = Sobre una imagen: mantenerla en grande
keys-sheet = Ver estos atajos

# Mensajes breves
toast-joined = { $name } entró en la consulta
toast-left = { $name } salió de la consulta
toast-message = { $name }: { $text }
toast-muted = Su micrófono está apagado
toast-unmuted = Su micrófono está encendido
toast-camera-stopped = Su cámara está apagada
toast-camera-started = Su cámara está encendida
toast-recording-on = La consulta se está grabando
toast-recording-off = La grabación terminó
toast-held-back = La conexión es débil: seguimos con la voz, y la imagen volverá sola
toast-pictures-back = La conexión mejoró: vuelve la imagen
toast-time-soon = Quedan 5 minutos del tiempo previsto
toast-time-over = Llegó la hora prevista. Pueden seguir si lo necesitan
toast-back = Conexión recuperada

# Fin
end-hung-up = La consulta terminó
end-hung-up-next = Gracias. Ya puede cerrar esta ventana.
end-room-closed = La consulta terminó
end-room-closed-next = Se cerró para todos. Si necesita algo más, llame a la clínica.
end-refused = En este momento no es posible atender su consulta
end-refused-next = Por favor, comuníquese con la clínica para acordar otra hora.
end-removed = Ya no está en la consulta
end-removed-next = Se le retiró de la consulta. Si cree que es un error, llame a la clínica.
end-joined-elsewhere = La consulta sigue en otro equipo
end-joined-elsewhere-next = Entró con el mismo enlace desde otro lugar. Si no fue usted, avise a la clínica.
end-connection-lost = Se perdió la conexión
end-connection-lost-next = Revise su internet y vuelva a entrar para continuar la consulta.
end-server-unreachable = No podemos llegar a la clínica
end-server-unreachable-next = Revise su internet e inténtelo otra vez. Si sigue igual, llame a la clínica.
end-not-allowed = Este enlace no sirve
end-not-allowed-next = Puede estar vencido, usado o incompleto. Pida otro enlace a la clínica.
end-no-appointment = No hay ninguna cita con ese código
end-no-appointment-next = Revise los ocho dígitos e inténtelo otra vez. Si son correctos, llame a la clínica.
end-no-clinic = Este equipo no está conectado con su clínica
end-no-clinic-next = El código solo sirve en los equipos de la clínica. Aquí, use el enlace que recibió; si no lo tiene, pídalo a la clínica.
end-too-early = Todavía es temprano
end-too-early-next = Se puede entrar desde 15 minutos antes de la hora de la cita. Vuelva a intentarlo entonces.
end-over = Esta consulta ya terminó
end-over-next = Si todavía tenían algo pendiente, llame a la clínica: solo desde allí se puede abrir otra vez.
end-cancelled = Esta consulta se canceló
end-cancelled-next = Llame a la clínica para acordar otra hora.
end-clinic-trouble = La clínica tiene un problema técnico
end-clinic-trouble-next = Su equipo y su conexión están bien. Inténtelo otra vez en unos minutos. Si sigue igual, llame a la clínica.
end-join-failed = No pudimos entrar en la consulta
end-join-failed-next = Inténtelo otra vez en un momento. Si sigue igual, llame a la clínica.
end-lasted = { $minutes ->
    [one] Duró 1 minuto.
   *[other] Duró { $minutes } minutos.
  }
end-lasted-less = Duró menos de un minuto.
end-rejoin = Volver a entrar
end-retry = Intentar otra vez
end-done = Listo
end-kiosk-next = Gracias por su visita. Ya puede retirarse.
end-how = ¿Cómo fue la llamada?
end-star = { $count ->
    [one] 1 estrella de 5
   *[other] { $count } estrellas de 5
  }
end-why = ¿Qué no estuvo bien? Puede elegir varias cosas.
end-tell = Enviar opinión
end-telling = Enviando su opinión…
end-told = Gracias, su opinión nos ayuda a mejorar.
end-not-told = Su opinión no llegó. Puede enviarla otra vez, o dejarlo así.
reason-heard-badly = Oía mal
reason-was-heard-badly = Me oían mal
reason-echo = Había eco
reason-bad-picture = Se veía mal
reason-frozen = La imagen se congelaba
reason-dropped = Se cortó
reason-hard-to-join = Costó entrar
reason-other = Otra cosa
