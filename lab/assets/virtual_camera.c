/*
 * Virtual camera: an LD_PRELOAD library that adds a V4L2 capture node to the process.
 * Long because: it emulates a driver, and an LD_PRELOAD library is built from one file.
 *
 * It handles the calls of a V4L2 client (open, ioctl, poll, the listing of /dev and the name in /sys) for /dev/video90
 * and forwards those for other files. Buffers are a memfd, so that mmap works unchanged.
 *
 * Environment variables configure it:
 *   VIRTUAL_CAMERA_NAME     its name                                        (default "Virtual Camera")
 *   VIRTUAL_CAMERA_FORMAT   YUYV, UYVY, MJPG, NV12, YU12, RGB3, BGR3, GREY or GRAY  (default YUYV)
 *   VIRTUAL_CAMERA_BEFORE   a format that it lists before that one
 *   VIRTUAL_CAMERA_SIZE     WIDTHxHEIGHT                                    (default 640x480)
 *   VIRTUAL_CAMERA_SIZES    listed sizes: "none", "stepwise" (16x16 to 3840x2160 in steps of 2) or sizes with commas;
 *                           any requested size is then accepted               (default: its one size)
 *   VIRTUAL_CAMERA_FPS      frames a second, also as a fraction: 30000/1001 (default 30)
 *   VIRTUAL_CAMERA_PADDING  bytes that are unused at the end of each row    (default 0)
 *   VIRTUAL_CAMERA_COLOURS  "full", "709" or "full 709": reported colour space
 *   VIRTUAL_CAMERA_TWIN     when set: a second camera of the same name, at /dev/video91, which shows gray
 *   VIRTUAL_CAMERA_FRAMES   file of frames, shown in a loop                 (default: a moving ramp)
 *   VIRTUAL_CAMERA_CONTROL  file whose text switches the mode at any moment:
 *                           "run", "stall" (no frames), "unplug" (gone), "busy", "denied"
 *
 * Build: cc -O2 -shared -fPIC -o libvirtual_camera.so virtual_camera.c -ldl
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NODE "video90"
#define NODE_PATH "/dev/" NODE
#define NAME_PATH "/sys/class/video4linux/" NODE "/name"
#define TWIN "video91"
#define DEVICES "/sys/devices/virtual-camera/usb1/"
#define BUFFERS 4
#define MAX_FDS 64
#define MAX_FRAMES 1024
#define TICK_NS 10000000LL

enum mode { RUN, STALL, UNPLUG, BUSY, DENIED };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t width = 640, height = 480, fps = 30, per = 1, padding, fourcc = V4L2_PIX_FMT_YUYV;
static int twin_opened;
static size_t frame_size, slot;
static int buffers_fd = -1;
static unsigned char *buffers;
static const unsigned char *frames[MAX_FRAMES];
static size_t frame_sizes[MAX_FRAMES], frame_count;
static int fds[MAX_FDS], fd_count;
static uint32_t queue[BUFFERS];
static unsigned queued, sequence;
static int streaming;
static int64_t due_ns;
static DIR *listings[8];
static int listed[8];

/* The replaced functions of libc. */
static void *next_symbol(const char *name) { return dlsym(RTLD_NEXT, name); }
static int real_open(const char *path, int flags, int mode) {
	return ((int (*)(int, const char *, int, ...))next_symbol("openat"))(AT_FDCWD, path, flags, mode);
}

static const char *setting(const char *name, const char *fallback) {
	const char *value = getenv(name);
	return value && *value ? value : fallback;
}

static enum mode current_mode(void) {
	static enum mode last = RUN;
	const char *path = getenv("VIRTUAL_CAMERA_CONTROL");
	int fd = path ? real_open(path, O_RDONLY | O_CLOEXEC, 0) : -1;
	char text[16] = "";
	if (fd < 0)
		return last;
	if (read(fd, text, sizeof text - 1) > 0) {
		static const char *names[] = {"run", "stall", "unplug", "busy", "denied"};
		for (int i = 0; i < 5; i++)
			if (!strncmp(text, names[i], strlen(names[i])))
				last = i;
	}
	((int (*)(int))next_symbol("close"))(fd);
	return last;
}

static int64_t now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int fail(int error) {
	errno = error;
	return -1;
}

/* Fixed-size frames are contiguous; JPEG pictures are separated by end and start markers. */
static void load_frames(void) {
	const char *path = getenv("VIRTUAL_CAMERA_FRAMES");
	int fd = path ? real_open(path, O_RDONLY | O_CLOEXEC, 0) : -1;
	struct stat info;
	if (fd < 0 || fstat(fd, &info) || info.st_size == 0)
		return;
	size_t length = info.st_size;
	const unsigned char *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return;
	if (fourcc == V4L2_PIX_FMT_MJPEG) {
		size_t start = 0;
		for (size_t i = 0; i + 3 < length && frame_count < MAX_FRAMES - 1; i++)
			if (!memcmp(bytes + i, "\xff\xd9\xff\xd8", 4)) {
				frames[frame_count] = bytes + start;
				frame_sizes[frame_count++] = i + 2 - start;
				start = i + 2;
			}
		frames[frame_count] = bytes + start;
		frame_sizes[frame_count++] = length - start;
	} else {
		for (size_t i = 0; i + frame_size <= length && frame_count < MAX_FRAMES; i += frame_size) {
			frames[frame_count] = bytes + i;
			frame_sizes[frame_count++] = frame_size;
		}
	}
}

static uint32_t row_length(void) {
	switch (fourcc) {
	case V4L2_PIX_FMT_NV12:
	case V4L2_PIX_FMT_YUV420:
	case V4L2_PIX_FMT_GREY:
	case v4l2_fourcc('G', 'R', 'A', 'Y'): return width + padding;
	case V4L2_PIX_FMT_RGB24:
	case V4L2_PIX_FMT_BGR24: return width * 3 + padding;
	default: return width * 2 + padding;
	}
}

static void measure(void) {
	frame_size = (size_t)row_length() * height;
	if (fourcc == V4L2_PIX_FMT_NV12 || fourcc == V4L2_PIX_FMT_YUV420)
		frame_size = frame_size * 3 / 2;
}

/* Fills in the listed sizes and returns their number. */
static int listed_sizes(uint32_t sizes[16][2]) {
	const char *list = setting("VIRTUAL_CAMERA_SIZES", "");
	int count = 0;
	for (const char *next = list; next && count < 16; next = strchr(next, ',')) {
		next += *next == ',';
		if (sscanf(next, "%ux%u", &sizes[count][0], &sizes[count][1]) == 2)
			count++;
	}
	return count;
}

static void take_size(uint32_t wanted_width, uint32_t wanted_height) {
	uint32_t sizes[16][2];
	int count = listed_sizes(sizes);
	int any = !strcmp(setting("VIRTUAL_CAMERA_SIZES", ""), "stepwise") && wanted_width >= 16 &&
		wanted_width <= 3840 && wanted_height >= 16 && wanted_height <= 2160;
	for (int i = 0; i < count; i++)
		any |= sizes[i][0] == wanted_width && sizes[i][1] == wanted_height;
	if (!any)
		return;
	width = wanted_width;
	height = wanted_height;
	measure();
}

static void set_up(void) {
	if (buffers_fd >= 0)
		return;
	const char *format = setting("VIRTUAL_CAMERA_FORMAT", "YUYV");
	fourcc = v4l2_fourcc(format[0], format[1], format[2], format[3]);
	sscanf(setting("VIRTUAL_CAMERA_SIZE", "640x480"), "%ux%u", &width, &height);
	sscanf(setting("VIRTUAL_CAMERA_FPS", "30"), "%u/%u", &fps, &per);
	padding = atoi(setting("VIRTUAL_CAMERA_PADDING", "0"));
	measure();
	/* Space for any requested size; untouched pages cost nothing. */
	slot = (size_t)3840 * 2160 * 3;
	buffers_fd = memfd_create("virtual-camera", MFD_CLOEXEC);
	if (buffers_fd < 0 || ftruncate(buffers_fd, slot * BUFFERS))
		return;
	buffers = mmap(NULL, slot * BUFFERS, PROT_READ | PROT_WRITE, MAP_SHARED, buffers_fd, 0);
	load_frames();
}

static int is_ours(int fd) {
	for (int i = 0; i < fd_count; i++)
		if (fds[i] == fd)
			return 1;
	return 0;
}

static int has_twin(void) { return *setting("VIRTUAL_CAMERA_TWIN", "") != 0; }

/* Opens the node or its name in /sys; returns -2 for any other path. */
static int open_ours(const char *path) {
	if (!path)
		return -2;
	int twin = has_twin() && (!strcmp(path, "/dev/" TWIN) || !strcmp(path, "/sys/class/video4linux/" TWIN "/name"));
	if (twin)
		path = !strncmp(path, "/dev/", 5) ? NODE_PATH : NAME_PATH;
	if (strcmp(path, NODE_PATH) && strcmp(path, NAME_PATH))
		return -2;
	enum mode mode = current_mode();
	if (mode == UNPLUG)
		return fail(ENOENT);
	if (!strcmp(path, NAME_PATH)) {
		const char *name = setting("VIRTUAL_CAMERA_NAME", "Virtual Camera");
		int fd = memfd_create("virtual-camera-name", MFD_CLOEXEC);
		if (fd >= 0 && (write(fd, name, strlen(name)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
			return -1;
		return fd;
	}
	if (mode == DENIED)
		return fail(EACCES);
	pthread_mutex_lock(&lock);
	set_up();
	int fd = buffers_fd >= 0 && fd_count < MAX_FDS ? dup(buffers_fd) : -1;
	if (fd >= 0) {
		fds[fd_count++] = fd;
		twin_opened = twin;
	}
	pthread_mutex_unlock(&lock);
	return fd >= 0 ? fd : fail(EMFILE);
}

static void describe_format(struct v4l2_pix_format *pix) {
	memset(pix, 0, sizeof *pix);
	pix->width = width;
	pix->height = height;
	pix->pixelformat = fourcc;
	pix->field = V4L2_FIELD_NONE;
	pix->bytesperline = fourcc == V4L2_PIX_FMT_MJPEG ? 0 : row_length();
	pix->sizeimage = frame_size;
	const char *colours = setting("VIRTUAL_CAMERA_COLOURS", "");
	pix->colorspace = strstr(colours, "709") ? V4L2_COLORSPACE_REC709 : V4L2_COLORSPACE_SRGB;
	pix->quantization = strstr(colours, "full") ? V4L2_QUANTIZATION_FULL_RANGE : V4L2_QUANTIZATION_DEFAULT;
}

static void describe_buffer(struct v4l2_buffer *buffer) {
	buffer->length = frame_size;
	buffer->bytesused = frame_size;
	buffer->m.offset = buffer->index * slot;
	buffer->memory = V4L2_MEMORY_MMAP;
	buffer->field = V4L2_FIELD_NONE;
	buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
}

static void draw(unsigned char *out, struct v4l2_buffer *buffer) {
	if (twin_opened) {
		memset(out, 128, frame_size);
	} else if (frame_count) {
		size_t i = sequence % frame_count;
		buffer->bytesused = frame_sizes[i] < frame_size ? frame_sizes[i] : frame_size;
		memcpy(out, frames[i], buffer->bytesused);
	} else {
		for (size_t i = 0; i < frame_size; i++)
			out[i] = (i & 1) ? 128 : (i / 2 % width + sequence * 4) & 255;
	}
}

static int dequeue(struct v4l2_buffer *buffer) {
	int64_t now = now_ns();
	if (!streaming || !queued || now < due_ns || current_mode() == STALL)
		return fail(EAGAIN);
	buffer->index = queue[0];
	memmove(queue, queue + 1, --queued * sizeof *queue);
	describe_buffer(buffer);
	draw(buffers + buffer->index * slot, buffer);
	buffer->sequence = sequence++;
	buffer->timestamp.tv_sec = due_ns / 1000000000;
	buffer->timestamp.tv_usec = due_ns % 1000000000 / 1000;
	due_ns += 1000000000LL * per / fps;
	if (due_ns < now)
		due_ns = now;
	return 0;
}

static int answer(unsigned long request, void *argument) {
	enum mode mode = current_mode();
	if (mode == UNPLUG)
		return fail(ENODEV);
	if (mode == BUSY && (request == VIDIOC_S_FMT || request == VIDIOC_REQBUFS))
		return fail(EBUSY);
	switch (request) {
	case VIDIOC_QUERYCAP: {
		struct v4l2_capability *c = argument;
		memset(c, 0, sizeof *c);
		strcpy((char *)c->driver, "virtual");
		snprintf((char *)c->card, sizeof c->card, "%s", setting("VIRTUAL_CAMERA_NAME", "Virtual Camera"));
		strcpy((char *)c->bus_info, "platform:virtual");
		c->version = 0x60000;
		c->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
		c->capabilities = c->device_caps | V4L2_CAP_DEVICE_CAPS;
		return 0;
	}
	case VIDIOC_ENUM_FMT: {
		struct v4l2_fmtdesc *f = argument;
		const char *before = setting("VIRTUAL_CAMERA_BEFORE", "");
		if (f->index > (*before != 0) || f->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
			return fail(EINVAL);
		f->flags = 0;
		f->pixelformat = fourcc;
		if (*before && !f->index)
			f->pixelformat = v4l2_fourcc(before[0], before[1], before[2], before[3]);
		snprintf((char *)f->description, sizeof f->description, "%.4s", (const char *)&f->pixelformat);
		return 0;
	}
	case VIDIOC_ENUM_FRAMESIZES: {
		struct v4l2_frmsizeenum *f = argument;
		uint32_t sizes[16][2] = {{width, height}};
		const char *list = setting("VIRTUAL_CAMERA_SIZES", "");
		int count = *list ? listed_sizes(sizes) : 1;
		if (!strcmp(list, "none"))
			return fail(ENOTTY);
		if (!strcmp(list, "stepwise") && !f->index) {
			f->type = V4L2_FRMSIZE_TYPE_STEPWISE;
			f->stepwise = (struct v4l2_frmsize_stepwise){16, 3840, 2, 16, 2160, 2};
			return 0;
		}
		if (f->index >= (uint32_t)count)
			return fail(EINVAL);
		f->type = V4L2_FRMSIZE_TYPE_DISCRETE;
		f->discrete.width = sizes[f->index][0];
		f->discrete.height = sizes[f->index][1];
		return 0;
	}
	case VIDIOC_ENUM_FRAMEINTERVALS: {
		struct v4l2_frmivalenum *f = argument;
		if (f->index)
			return fail(EINVAL);
		f->type = V4L2_FRMIVAL_TYPE_DISCRETE;
		f->discrete.numerator = per;
		f->discrete.denominator = fps;
		return 0;
	}
	case VIDIOC_G_FMT:
	case VIDIOC_S_FMT:
	case VIDIOC_TRY_FMT: {
		struct v4l2_format *f = argument;
		if (f->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
			return fail(EINVAL);
		if (request == VIDIOC_S_FMT && !streaming)
			take_size(f->fmt.pix.width, f->fmt.pix.height);
		describe_format(&f->fmt.pix);
		return 0;
	}
	case VIDIOC_G_PARM:
	case VIDIOC_S_PARM: {
		struct v4l2_streamparm *p = argument;
		p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
		p->parm.capture.timeperframe.numerator = per;
		p->parm.capture.timeperframe.denominator = fps;
		return 0;
	}
	case VIDIOC_REQBUFS: {
		struct v4l2_requestbuffers *r = argument;
		if (r->memory != V4L2_MEMORY_MMAP)
			return fail(EINVAL);
		if (streaming)
			return fail(EBUSY);
		if (r->count > BUFFERS)
			r->count = BUFFERS;
		queued = 0;
		return 0;
	}
	case VIDIOC_QUERYBUF: {
		struct v4l2_buffer *b = argument;
		if (b->index >= BUFFERS)
			return fail(EINVAL);
		describe_buffer(b);
		return 0;
	}
	case VIDIOC_QBUF: {
		struct v4l2_buffer *b = argument;
		if (b->index >= BUFFERS || queued >= BUFFERS)
			return fail(EINVAL);
		queue[queued++] = b->index;
		return 0;
	}
	case VIDIOC_STREAMON:
		streaming = 1;
		sequence = 0;
		due_ns = now_ns() + 1000000000LL * per / fps;
		return 0;
	case VIDIOC_STREAMOFF:
		streaming = 0;
		queued = 0;
		return 0;
	case VIDIOC_DQBUF: return dequeue(argument);
	}
	return fail(ENOTTY);
}

static int locked_answer(unsigned long request, void *argument) {
	pthread_mutex_lock(&lock);
	int result = answer(request, argument);
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
	return result;
}

/* ---- Functions that the process calls -------------------------------------------------------------------------- */

#define MODE_ARGUMENT(last) \
	va_list list; \
	va_start(list, last); \
	int mode = va_arg(list, int); \
	va_end(list)

int open(const char *path, int flags, ...) {
	MODE_ARGUMENT(flags);
	int fd = open_ours(path);
	return fd == -2 ? real_open(path, flags, mode) : fd;
}

int open64(const char *path, int flags, ...) {
	MODE_ARGUMENT(flags);
	int fd = open_ours(path);
	return fd == -2 ? real_open(path, flags | O_LARGEFILE, mode) : fd;
}

int close(int fd) {
	pthread_mutex_lock(&lock);
	for (int i = 0; i < fd_count; i++)
		if (fds[i] == fd) {
			fds[i] = fds[--fd_count];
			if (!fd_count)
				streaming = 0;
			break;
		}
	pthread_mutex_unlock(&lock);
	return ((int (*)(int))next_symbol("close"))(fd);
}

int ioctl(int fd, unsigned long request, ...) {
	va_list list;
	va_start(list, request);
	void *argument = va_arg(list, void *);
	va_end(list);
	if (is_ours(fd))
		return locked_answer(request, argument);
	return ((int (*)(int, unsigned long, ...))next_symbol("ioctl"))(fd, request, argument);
}

/* The v4l crate calls ioctl through syscall(2). */
long syscall(long number, ...) {
	long a[6];
	va_list list;
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_ioctl && is_ours((int)a[0]))
		return locked_answer((unsigned long)a[1], (void *)a[2]);
	return ((long (*)(long, ...))next_symbol("syscall"))(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Blocks like a driver: until a frame is due, for ever while stalled, or until a signal. */
int poll(struct pollfd *files, nfds_t count, int timeout) {
	if (count != 1 || !is_ours(files[0].fd))
		return ((int (*)(struct pollfd *, nfds_t, int))next_symbol("poll"))(files, count, timeout);
	int64_t end = timeout < 0 ? INT64_MAX : now_ns() + timeout * 1000000LL;
	for (;;) {
		enum mode mode = current_mode();
		if (mode == UNPLUG) {
			files[0].revents = POLLERR | POLLHUP;
			return 1;
		}
		int64_t now = now_ns();
		if (mode != STALL && streaming && queued && now >= due_ns) {
			files[0].revents = POLLIN;
			return 1;
		}
		if (now >= end)
			return 0;
		int64_t wait = TICK_NS;
		if (mode != STALL && due_ns > now && due_ns - now < wait)
			wait = due_ns - now;
		struct timespec pause = {0, wait};
		if (nanosleep(&pause, NULL))
			return fail(EINTR);
	}
}

DIR *opendir(const char *path) {
	DIR *listing = ((DIR * (*)(const char *)) next_symbol("opendir"))(path);
	if (listing && !strcmp(path, "/dev") && current_mode() != UNPLUG) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 8; i++)
			if (!listings[i]) {
				listings[i] = listing;
				listed[i] = 0;
				break;
			}
		pthread_mutex_unlock(&lock);
	}
	return listing;
}

/* Resolves the nodes' devices. */
char *realpath(const char *path, char *resolved) {
	const char *device = NULL;
	if (!strcmp(path, "/sys/class/video4linux/" NODE "/device"))
		device = DEVICES "1-1";
	else if (has_twin() && !strcmp(path, "/sys/class/video4linux/" TWIN "/device"))
		device = DEVICES "1-2";
	if (!device)
		return ((char *(*)(const char *, char *))next_symbol("realpath"))(path, resolved);
	return resolved ? strcpy(resolved, device) : strdup(device);
}

/* Lists the nodes before everything else. */
struct dirent64 *readdir64(DIR *listing) {
	static _Thread_local struct dirent64 entry;
	const char *name = NULL;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 8; i++)
		if (listings[i] == listing) {
			name = listed[i] ? TWIN : NODE;
			if (listed[i]++ || !has_twin())
				listings[i] = NULL;
		}
	pthread_mutex_unlock(&lock);
	if (!name)
		return ((struct dirent64 * (*)(DIR *)) next_symbol("readdir64"))(listing);
	memset(&entry, 0, sizeof entry);
	entry.d_ino = 90 + !strcmp(name, TWIN);
	entry.d_reclen = sizeof entry;
	entry.d_type = DT_CHR;
	strcpy(entry.d_name, name);
	return &entry;
}
