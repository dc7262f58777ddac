/* Writes half of what it is asked to write, as POSIX allows: whoever does not go on with the rest loses it. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static size_t half(size_t length) { return length > 1 ? length / 2 : length; }

ssize_t write(int file, const void *bytes, size_t length) {
    return syscall(SYS_write, file, bytes, half(length));
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    return syscall(SYS_pwrite64, file, bytes, half(length), offset);
}
