// lostwrites: simulates lost power for one process.
//
// kill -9 leaves the page cache alone, so it cannot show whether a program waits for its disk. This library, loaded with
// LD_PRELOAD, remembers every write since the last fsync or fdatasync of each file and, at a moment that it is told,
// takes back what was not synced, wholly or in part, and kills the process. What is then on disk is what a machine may
// find after its power came back.
//
//     cc -shared -fPIC -O2 -o lostwrites.so Tests/Crash/lostwrites.c -ldl -lpthread
//     LD_PRELOAD=./lostwrites.so LOSTWRITES_ROOT=/data LOSTWRITES_AFTER_MS=400 LOSTWRITES_SEED=7 signet serve …
//
// LOSTWRITES_ROOT         only regular files whose path begins so are watched (required, else the library does nothing)
// LOSTWRITES_AFTER_MS     lose power after so many milliseconds
// LOSTWRITES_AFTER_OPS    lose power before the n-th watched write, truncation or sync
// LOSTWRITES_ON_SIGNAL=1  lose power on SIGUSR2
// LOSTWRITES_MODE         "all": everything unsynced is lost; "some" (default): each sector of 512 bytes of each unsynced
//                         write is lost or kept by a throw of the dice, as disks write in an order of their own
// LOSTWRITES_SEED         of the dice
// LOSTWRITES_IGNORE_SYNC=1  a disk that lies: syncs succeed and do nothing. A program that is safe otherwise must lose
//                         data now; a test that does not notice proves nothing.
// LOSTWRITES_LOG          a file to which one line is written at the loss
//
// A new file whose folder was not synced may vanish as well. Not simulated: writes through mmap (SQLite's -shm is rebuilt
// after a crash and is not watched), stdio's buffered writes, and the undoing of rename and unlink.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, MOST_DESCRIPTORS = 65536, MOST_FILES = 4096 };

// One unsynced act on a file. A truncation has no new bytes.
typedef struct Act {
    struct Act *next;
    off_t offset, old_size, new_size;
    size_t old_length, new_length;
    unsigned char *old_bytes, *new_bytes;
} Act;

typedef struct {
    dev_t device;
    ino_t inode;
    int shadow;  // our own descriptor; never closed, since that would drop the process's locks on the file
    char path[1024];
    int is_new;  // created by this process, its folder not synced since
    Act *first, *last;
} File;

static File files[MOST_FILES];
static int file_count;
static File *file_of[MOST_DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t doom;
static const char *root;
static int loses_all, ignores_sync;
static long operations, last_operation;
static uint64_t dice;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static uint64_t throw_dice(void) {
    uint64_t z = (dice += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void find_real(void) {
    if (real_pwrite) return;
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_read = dlsym(RTLD_NEXT, "read");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
}

// MARK: The loss

static void put(File *file, const unsigned char *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t done = real_pwrite(file->shadow, bytes, length, offset);
        if (done <= 0) return;
        bytes += done, offset += done, length -= (size_t)done;
    }
}

static void take_back(File *file) {
    // Newest first: each act stored what it found.
    Act *reversed = NULL;
    for (Act *act = file->first, *next; act; act = next) next = act->next, act->next = reversed, reversed = act;
    Act *forward = NULL;
    for (Act *act = reversed, *next; act; act = next) {
        put(file, act->old_bytes, act->old_length, act->offset);
        real_ftruncate(file->shadow, act->old_size);
        next = act->next, act->next = forward, forward = act;
    }
    file->first = forward;
}

// The disk may have written any of the unsynced sectors already.
static void keep_some(File *file) {
    for (Act *act = file->first; act; act = act->next) {
        if (act->new_length == 0) {
            if (throw_dice() & 1) real_ftruncate(file->shadow, act->new_size);
            continue;
        }
        unsigned luck = throw_dice() % 3;  // the whole write is lost, is kept, or is torn
        for (size_t start = 0; start < act->new_length;) {
            size_t to_boundary = SECTOR - (size_t)((act->offset + (off_t)start) % SECTOR);
            size_t length = act->new_length - start < to_boundary ? act->new_length - start : to_boundary;
            if (luck == 1 || (luck == 2 && (throw_dice() & 1)))
                put(file, act->new_bytes + start, length, act->offset + (off_t)start);
            start += length;
        }
    }
}

// Called with the lock held, so that nothing watched is written any more, nor read: what is taken back was never seen by
// a program whose machine has lost its power.
static void lose_power(void) {
    long acts = 0, vanished = 0;
    for (int i = 0; i < file_count; i++) {
        for (Act *act = files[i].first; act; act = act->next) acts++;
        take_back(&files[i]);
        if (!loses_all) keep_some(&files[i]);
        if (files[i].is_new && (loses_all || (throw_dice() & 1))) unlink(files[i].path), vanished++;
    }
    const char *log = getenv("LOSTWRITES_LOG");
    int descriptor = log ? real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (descriptor >= 0)
        dprintf(descriptor, "lost power after %ld operations; unsynced: %ld; files vanished: %ld\n", operations, acts,
                vanished);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void *wait_for_doom(void *unused) {
    (void)unused;
    const char *milliseconds = getenv("LOSTWRITES_AFTER_MS");
    if (milliseconds) {
        struct timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        long long nanoseconds = end.tv_nsec + atoll(milliseconds) * 1000000ll;
        end.tv_sec += nanoseconds / 1000000000ll;
        end.tv_nsec = nanoseconds % 1000000000ll;
        while (sem_timedwait(&doom, &end) != 0 && errno == EINTR) {}
    } else {
        while (sem_wait(&doom) != 0) {}
    }
    pthread_mutex_lock(&lock);
    lose_power();
    return NULL;
}

static void on_signal(int number) {
    (void)number;
    sem_post(&doom);
}

__attribute__((constructor)) static void start(void) {
    find_real();
    root = getenv("LOSTWRITES_ROOT");
    if (!root || !*root) {
        root = NULL;
        return;
    }
    const char *mode = getenv("LOSTWRITES_MODE"), *seed = getenv("LOSTWRITES_SEED");
    const char *count = getenv("LOSTWRITES_AFTER_OPS");
    loses_all = mode && strcmp(mode, "all") == 0;
    ignores_sync = getenv("LOSTWRITES_IGNORE_SYNC") != NULL;
    dice = seed ? strtoull(seed, NULL, 10) : 1;
    last_operation = count ? atol(count) : 0;
    sem_init(&doom, 0, 0);
    if (getenv("LOSTWRITES_ON_SIGNAL")) signal(SIGUSR2, on_signal);
    if (getenv("LOSTWRITES_AFTER_MS") || getenv("LOSTWRITES_ON_SIGNAL")) {
        pthread_t thread;
        pthread_create(&thread, NULL, wait_for_doom, NULL);
        pthread_detach(thread);
    }
    // A child process is not the machine: only the one that was started under the library loses its power.
    unsetenv("LD_PRELOAD");
}

// MARK: Watching

static int is_watched(const char *path) {
    size_t length = strlen(path);
    return strncmp(path, root, strlen(root)) == 0 && !(length > 4 && strcmp(path + length - 4, "-shm") == 0);
}

static void watch(int descriptor, int is_new) {
    if (!root || descriptor < 0 || descriptor >= MOST_DESCRIPTORS) return;
    struct stat status;
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return;
    path[length] = 0;
    if (!is_watched(path)) return;
    pthread_mutex_lock(&lock);
    File *file = NULL;
    for (int i = 0; i < file_count && !file; i++)
        if (files[i].device == status.st_dev && files[i].inode == status.st_ino) file = &files[i];
    if (!file && file_count < MOST_FILES) {
        int shadow = real_open(link, O_RDWR | O_CLOEXEC);
        if (shadow >= 0) {
            file = &files[file_count++];
            *file = (File){.device = status.st_dev, .inode = status.st_ino, .shadow = shadow, .is_new = is_new};
            snprintf(file->path, sizeof file->path, "%s", path);
        }
    }
    file_of[descriptor] = file;
    pthread_mutex_unlock(&lock);
}

static File *watched(int descriptor) {
    return root && descriptor >= 0 && descriptor < MOST_DESCRIPTORS ? file_of[descriptor] : NULL;
}

// With the lock held: counts, and dies here if this was to be the one.
static void count_operation(void) {
    operations++;
    if (last_operation && operations >= last_operation) lose_power();
}

static off_t size_of(File *file) {
    struct stat status;
    return fstat(file->shadow, &status) == 0 ? status.st_size : 0;
}

// With the lock held: remembers what lies at `offset` before `length` bytes are written there.
static Act *remember(File *file, off_t offset, size_t length) {
    Act *act = calloc(1, sizeof *act);
    act->offset = offset;
    act->old_size = size_of(file);
    off_t there = act->old_size - offset;
    act->old_length = there <= 0 ? 0 : ((size_t)there < length ? (size_t)there : length);
    act->old_bytes = malloc(act->old_length + 1);
    size_t have = 0;
    while (have < act->old_length) {
        ssize_t got = real_pread(file->shadow, act->old_bytes + have, act->old_length - have, offset + (off_t)have);
        if (got <= 0) break;
        have += (size_t)got;
    }
    act->old_length = have;
    if (file->last) file->last->next = act; else file->first = act;
    file->last = act;
    return act;
}

static void written(Act *act, const void *bytes, ssize_t length) {
    if (length <= 0) return;
    act->new_length = (size_t)length;
    act->new_bytes = malloc((size_t)length);
    memcpy(act->new_bytes, bytes, (size_t)length);
}

static void forget(File *file) {
    for (Act *act = file->first, *next; act; act = next) {
        next = act->next;
        free(act->old_bytes), free(act->new_bytes), free(act);
    }
    file->first = file->last = NULL;
}

// With the lock held: the names in a folder are durable once the folder is synced.
static void folder_synced(int descriptor) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    for (int i = 0; i < file_count; i++) {
        char *slash = strrchr(files[i].path, '/');
        if (slash && slash - files[i].path == length && strncmp(files[i].path, path, (size_t)length) == 0)
            files[i].is_new = 0;
    }
}

// MARK: What the program calls

static int truncate_watching(int descriptor, off_t size);

static int open_watching(int folder, const char *path, int flags, mode_t mode) {
    find_real();
    if (!root || (flags & O_ACCMODE) == O_RDONLY) return real_openat(folder, path, flags, mode);
    int is_new = (flags & O_CREAT) && faccessat(folder, path, F_OK, 0) != 0;
    // Emptying a file is an act to be remembered, so it is done after the file is watched.
    int descriptor = real_openat(folder, path, flags & ~O_TRUNC, mode);
    if (descriptor < 0) return descriptor;
    watch(descriptor, is_new);
    if ((flags & O_TRUNC) && !is_new) truncate_watching(descriptor, 0);
    return descriptor;
}

#define TAKE_MODE(flags)                                  \
    mode_t mode = 0;                                      \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {              \
        va_list arguments;                                \
        va_start(arguments, flags);                       \
        mode = (mode_t)va_arg(arguments, int);            \
        va_end(arguments);                                \
    }

int open(const char *path, int flags, ...) { TAKE_MODE(flags) return open_watching(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { TAKE_MODE(flags) return open_watching(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) {
    TAKE_MODE(flags) return open_watching(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    TAKE_MODE(flags) return open_watching(folder, path, flags, mode);
}
int creat(const char *path, mode_t mode) {
    return open_watching(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int descriptor) {
    find_real();
    if (root && descriptor >= 0 && descriptor < MOST_DESCRIPTORS && file_of[descriptor]) {
        pthread_mutex_lock(&lock);
        file_of[descriptor] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return real_close(descriptor);
}

static ssize_t write_watching(int descriptor, const void *bytes, size_t length, off_t offset, int at_offset) {
    find_real();
    File *file = watched(descriptor);
    if (!file) return at_offset ? real_pwrite(descriptor, bytes, length, offset) : real_write(descriptor, bytes, length);
    pthread_mutex_lock(&lock);
    count_operation();
    if (!at_offset)
        offset = fcntl(descriptor, F_GETFL) & O_APPEND ? size_of(file) : lseek(descriptor, 0, SEEK_CUR);
    Act *act = remember(file, offset, length);
    ssize_t done =
        at_offset ? real_pwrite(descriptor, bytes, length, offset) : real_write(descriptor, bytes, length);
    int problem = errno;
    written(act, bytes, done);
    pthread_mutex_unlock(&lock);
    errno = problem;
    return done;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    return write_watching(descriptor, bytes, length, 0, 0);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return write_watching(descriptor, bytes, length, offset, 1);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    return write_watching(descriptor, bytes, length, offset, 1);
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    find_real();
    if (!watched(descriptor)) return real_writev(descriptor, pieces, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write_watching(descriptor, pieces[i].iov_base, pieces[i].iov_len, 0, 0);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < pieces[i].iov_len) break;
    }
    return total;
}

static int truncate_watching(int descriptor, off_t size) {
    find_real();
    File *file = watched(descriptor);
    if (!file) return real_ftruncate(descriptor, size);
    pthread_mutex_lock(&lock);
    count_operation();
    off_t now = size_of(file);
    Act *act = remember(file, size < now ? size : now, size < now ? (size_t)(now - size) : 0);
    int result = real_ftruncate(descriptor, size);
    int problem = errno;
    act->new_size = result == 0 ? size : now;
    pthread_mutex_unlock(&lock);
    errno = problem;
    return result;
}

int ftruncate(int descriptor, off_t size) { return truncate_watching(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return truncate_watching(descriptor, size); }

static ssize_t read_watching(int descriptor, void *bytes, size_t length, off_t offset, int at_offset) {
    find_real();
    int is_watched = watched(descriptor) != NULL;
    if (is_watched) pthread_mutex_lock(&lock);
    ssize_t got = at_offset ? real_pread(descriptor, bytes, length, offset) : real_read(descriptor, bytes, length);
    int problem = errno;
    if (is_watched) pthread_mutex_unlock(&lock);
    errno = problem;
    return got;
}

ssize_t read(int descriptor, void *bytes, size_t length) { return read_watching(descriptor, bytes, length, 0, 0); }
ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset) {
    return read_watching(descriptor, bytes, length, offset, 1);
}
ssize_t pread64(int descriptor, void *bytes, size_t length, off64_t offset) {
    return read_watching(descriptor, bytes, length, offset, 1);
}

static int sync_watching(int descriptor, int (*real)(int)) {
    if (!root) return real(descriptor);
    File *file = watched(descriptor);
    struct stat status;
    int is_folder = !file && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    if (!file && !is_folder) return real(descriptor);
    pthread_mutex_lock(&lock);
    count_operation();
    int result = 0, problem = 0;
    if (!ignores_sync) {
        result = real(descriptor);
        problem = errno;
        if (result == 0 && file) forget(file);
        if (result == 0 && is_folder) folder_synced(descriptor);
    }
    pthread_mutex_unlock(&lock);
    errno = problem;
    return result;
}

int fsync(int descriptor) { find_real(); return sync_watching(descriptor, real_fsync); }
int fdatasync(int descriptor) { find_real(); return sync_watching(descriptor, real_fdatasync); }
