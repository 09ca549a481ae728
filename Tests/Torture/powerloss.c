// powerloss: lost power for what many processes write, such as PostgreSQL's, or a server's and the command line's beside it.
//
// Tests/Crash/lostwrites.c remembers unsynced writes in the memory of one process. Here one process writes and another one
// syncs, so they are remembered in a file that all of them share: whoever is loaded with it (LD_PRELOAD) maps the file at
// its start, and what it forks has it too. Each write is a note of what was there before and what came; an fsync or fdatasync of a
// file, by whichever process, strikes out the notes of that file that are older than the call. Cutting the power means:
// the word `dead` is set, from which on nobody gets past a write or a sync; everything is killed; and powerloss.py takes back,
// wholly or in part, what the remaining notes say.
//
//     POWERLOSS_ROOT          only regular files whose path begins like this are watched
//     POWERLOSS_LOG           the shared file; made by powerloss.py, as large as notes may become
//     POWERLOSS_IGNORE_SYNC   set: a disk that lies about syncing
//
// Not simulated: the loss of new names, renames and removals (they count as durable at once), writes through mmap and stdio.
// Neither holds what PostgreSQL and SQLite promise: logs and tables are written with pwrite, names are synced by them
// themselves, and SQLite makes its shared memory anew.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAGIC = 0x504c3031, WRITE = 1, TRUNCATE = 2 };

// At the beginning of the file. powerloss.py reads the first 40 bytes.
typedef struct {
    uint32_t magic;
    volatile uint32_t dead;
    uint64_t used;      // bytes of notes after the header
    uint64_t capacity;
    uint64_t overflow;  // notes that found no room or are not whole: the power must not be cut any more
    uint64_t syncs;
    uint64_t first;     // everything before it is durable
    uint64_t moving;    // set while the notes are moved together
    pthread_mutex_t lock;
} Header;

// 64 bytes, then old_length bytes of before and new_length bytes of after, padded to 8.
typedef struct {
    uint32_t kind, durable;
    uint64_t device, inode;
    int64_t offset, old_size, new_size;
    uint32_t old_length, new_length;
    uint64_t length;  // of the whole note
} Note;

static Header *header;
static unsigned char *notes;
static char root[1024];
static int is_lying;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static void find_real(void) {
    if (real_pwrite) return;
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
}

__attribute__((constructor)) static void start(void) {
    find_real();
    const char *log = getenv("POWERLOSS_LOG"), *below = getenv("POWERLOSS_ROOT");
    if (!log || !below) return;
    int descriptor = open(log, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) _exit(71);
    header = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (header == MAP_FAILED) _exit(71);
    notes = (unsigned char *)header + 4096;
    // By the first one that comes.
    flock(descriptor, LOCK_EX);
    if (header->magic != MAGIC) {
        header->capacity = (uint64_t)status.st_size - 4096;
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&header->lock, &attributes);
        header->magic = MAGIC;
    }
    // The mapping keeps the file open, and would keep the lock.
    flock(descriptor, LOCK_UN);
    close(descriptor);
    snprintf(root, sizeof root, "%s", below);
    is_lying = getenv("POWERLOSS_IGNORE_SYNC") != NULL;
    // What PostgreSQL runs as programs of their own is not the machine.
    unsetenv("LD_PRELOAD");
}

// A process that was killed while it held the lock wrote its note whole or not at all: `used` moves last. Only if it was killed
// while it moved them all is nothing known any more.
static void take_lock(void) {
    if (pthread_mutex_lock(&header->lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&header->lock);
        if (header->moving) header->overflow++, header->first = header->used = header->moving = 0;
    }
    while (header->dead) pause();
}

static void release_lock(void) { pthread_mutex_unlock(&header->lock); }

// Whether the descriptor is a regular file whose path begins like the root, and that still has a name.
static int watched(int descriptor, struct stat *status) {
    if (!header) return 0;
    if (fstat(descriptor, status) != 0 || !S_ISREG(status->st_mode) || status->st_nlink == 0) return 0;
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    // SQLite's shared memory is made anew by whoever comes first, and never synced.
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return 0;
    return strncmp(path, root, strlen(root)) == 0;
}

static size_t read_old(int descriptor, unsigned char *bytes, size_t length, off_t offset) {
    size_t have = 0;
    int own = -1;
    while (have < length) {
        ssize_t got = pread(own < 0 ? descriptor : own, bytes + have, length - have, offset + (off_t)have);
        if (got < 0 && errno == EBADF && own < 0) {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
            own = open(link, O_RDONLY | O_CLOEXEC);
            if (own >= 0) continue;
        }
        if (got <= 0) break;
        have += (size_t)got;
    }
    if (own >= 0) close(own);
    return have;
}

// With the lock held: a note of what lies at `offset`, not valid before `commit`.
static Note *begin_note(int descriptor, const struct stat *status, uint32_t kind, off_t offset, size_t length) {
    struct stat now;
    fstat(descriptor, &now);
    off_t there = now.st_size - offset;
    size_t old = there <= 0 ? 0 : ((size_t)there < length ? (size_t)there : length);
    uint64_t most = sizeof(Note) + old + length + 8;
    if (header->used + most > header->capacity) {
        header->overflow++;
        return NULL;
    }
    Note *note = (Note *)(notes + header->used);
    memset(note, 0, sizeof *note);
    note->kind = kind;
    note->device = status->st_dev, note->inode = status->st_ino;
    note->offset = offset, note->old_size = now.st_size;
    note->old_length = (uint32_t)read_old(descriptor, (unsigned char *)(note + 1), old, offset);
    return note;
}

static void commit(Note *note) {
    note->length = (sizeof *note + note->old_length + note->new_length + 7) & ~(uint64_t)7;
    header->used += note->length;
}

static ssize_t write_watching(int descriptor, const void *bytes, size_t length, off_t offset, int at_offset) {
    find_real();
    struct stat status;
    if (!watched(descriptor, &status))
        return at_offset ? real_pwrite(descriptor, bytes, length, offset) : real_write(descriptor, bytes, length);
    take_lock();
    if (!at_offset)
        offset = fcntl(descriptor, F_GETFL) & O_APPEND ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
    Note *note = begin_note(descriptor, &status, WRITE, offset, length);
    ssize_t done = at_offset ? real_pwrite(descriptor, bytes, length, offset) : real_write(descriptor, bytes, length);
    int problem = errno;
    if (note && done > 0) {
        note->new_length = (uint32_t)done;
        memcpy((unsigned char *)(note + 1) + note->old_length, bytes, (size_t)done);
        off_t end = offset + done;
        note->new_size = end > note->old_size ? end : note->old_size;
        commit(note);
    }
    release_lock();
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

static ssize_t pwritev_watching(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    find_real();
    struct stat status;
    if (!watched(descriptor, &status)) return real_pwritev(descriptor, pieces, count, offset);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write_watching(descriptor, pieces[i].iov_base, pieces[i].iov_len, offset + total, 1);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < pieces[i].iov_len) break;
    }
    return total;
}
ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    return pwritev_watching(descriptor, pieces, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t offset) {
    return pwritev_watching(descriptor, pieces, count, offset);
}

static int truncate_watching(int descriptor, off_t size) {
    find_real();
    struct stat status;
    if (!watched(descriptor, &status)) return real_ftruncate(descriptor, size);
    take_lock();
    off_t from = size < status.st_size ? size : status.st_size;
    Note *note = begin_note(descriptor, &status, TRUNCATE, from, (size_t)(status.st_size - from));
    int result = real_ftruncate(descriptor, size);
    int problem = errno;
    if (note && result == 0) note->new_size = size, commit(note);
    release_lock();
    errno = problem;
    return result;
}
int ftruncate(int descriptor, off_t size) { return truncate_watching(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return truncate_watching(descriptor, size); }

// With the lock held: what was noted of this file before `end` needs no taking back.
static void strike_out(const struct stat *status, uint64_t end) {
    for (uint64_t at = header->first; at < end;) {
        Note *note = (Note *)(notes + at);
        if (!note->durable && note->inode == status->st_ino && note->device == status->st_dev) note->durable = 1;
        at += note->length;
    }
    // Room for more, once nothing is left to take back.
    uint64_t at = header->first;
    while (at < header->used && ((Note *)(notes + at))->durable) at += ((Note *)(notes + at))->length;
    if (at == header->used) {
        header->first = 0;
        header->used = 0;
    } else if (at > 64 << 20) {
        header->moving = 1;
        memmove(notes, notes + at, header->used - at);
        header->first = 0;
        header->used -= at;
        header->moving = 0;
    } else {
        header->first = at;
    }
}

static int sync_watching(int descriptor, int (*real)(int)) {
    struct stat status;
    if (!watched(descriptor, &status)) return real(descriptor);
    // The disk's time is not spent under the lock. Whatever is written meanwhile may be synced too, and does not count.
    take_lock();
    header->syncs++;
    Note *mark = NULL;
    if (header->used + sizeof(Note) <= header->capacity) {
        mark = (Note *)(notes + header->used);
        memset(mark, 0, sizeof *mark);
        mark->kind = 0, mark->durable = 1, mark->device = (uint64_t)getpid(), mark->offset = (int64_t)header->syncs;
        commit(mark);
    }
    uint64_t id = header->syncs;
    release_lock();
    int result = real(descriptor);
    int problem = errno;
    take_lock();
    if (result == 0 && !is_lying) {
        // Notes move when room is made: the mark is looked for. Gone means that everything before it was durable.
        uint64_t end = 0;
        for (uint64_t at = header->first; at < header->used; at += ((Note *)(notes + at))->length) {
            Note *note = (Note *)(notes + at);
            if (note->kind == 0 && note->offset == (int64_t)id) end = at;
        }
        strike_out(&status, end);
    }
    release_lock();
    errno = problem;
    return result;
}

int fsync(int descriptor) { find_real(); return sync_watching(descriptor, real_fsync); }
int fdatasync(int descriptor) { find_real(); return sync_watching(descriptor, real_fdatasync); }

// Before a name goes: its file's notes with it, if it was the last name. The number of a file is used again.
static void forget(const char *path) {
    struct stat status;
    if (!header || stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) return;
    take_lock();
    strike_out(&status, header->used);
    release_lock();
}

int unlink(const char *path) {
    find_real();
    forget(path);
    return real_unlink(path);
}

int rename(const char *from, const char *to) {
    find_real();
    struct stat here, there;
    if (header && stat(from, &here) == 0 && stat(to, &there) == 0 && here.st_ino != there.st_ino) forget(to);
    return real_rename(from, to);
}
