#include "load.h"

#include <ctype.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

void reserve(struct buffer *buffer, size_t more) {
    if (buffer->used + more + 1 <= buffer->capacity) return;
    buffer->capacity = (buffer->used + more + 1) * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (!buffer->bytes) fail("out of memory");
}

static void append(struct buffer *out, const char *bytes, size_t count) {
    reserve(out, count);
    memcpy(out->bytes + out->used, bytes, count);
    out->used += count;
}

static void append_filled(struct buffer *out, const char *text, const char *value) {
    static const char mark[] = "{value}";
    for (const char *place; (place = strstr(text, mark)); text = place + sizeof mark - 1) {
        append(out, text, (size_t)(place - text));
        append(out, value, strlen(value));
    }
    append(out, text, strlen(text));
}

// Lines may end with a line feed alone in the file; on the wire they do not.
struct template template(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot read %s", path);
    struct buffer text = {0};
    for (;;) {
        reserve(&text, 4096);
        size_t count = fread(text.bytes + text.used, 1, 4096, file);
        if (!count) break;
        text.used += count;
    }
    fclose(file);
    text.bytes[text.used] = 0;
    struct template found = {0};
    char *end = strstr(text.bytes, "\n\n");
    if (!end) fail("%s has no empty line after its header", path);
    found.body = strdup(end + 2);
    *end = 0;
    found.has_body = !strncmp(text.bytes, "POST ", 5);
    struct buffer head = {0};
    for (char *line = strtok(text.bytes, "\n"); line; line = strtok(NULL, "\n")) {
        append(&head, line, strlen(line));
        append(&head, "\r\n", 2);
    }
    append(&head, "", 1);
    found.head = head.bytes;
    free(text.bytes);
    return found;
}

struct taking taking(const char *text) {
    struct taking found = {0};
    if (!strncmp(text, "json:", 5)) found.name = text + 5;
    else if (!strncmp(text, "location:", 9)) found.name = text + 9, found.from_location = true;
    else fail("--take is json:NAME or location:NAME");
    return found;
}

void fill(struct buffer *out, const struct template *template, const char *value) {
    append_filled(out, template->head, value);
    struct buffer body = {0};
    if (template->has_body) {
        append_filled(&body, template->body, value);
        char line[64];
        int count = snprintf(line, sizeof line, "Content-Length: %zu\r\n", body.used);
        append(out, line, (size_t)count);
    }
    append(out, "\r\n", 2);
    if (body.used) append(out, body.bytes, body.used);
    free(body.bytes);
}

// The value of a header field, up to the end of its line.
static const char *field(const char *head, const char *end, const char *name, size_t *length) {
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
        const char *start = line + 2;
        if (strncasecmp(start, name, size) || start[size] != ':') continue;
        start += size + 1;
        while (*start == ' ') start++;
        *length = (size_t)(strstr(start, "\r\n") - start);
        return start;
    }
    return NULL;
}

bool complete(struct buffer *in, bool ended, int *status, bool *must_close) {
    const char *end = in->used ? strstr(in->bytes, "\r\n\r\n") : NULL;
    if (!end || in->used < 12) return false;
    *status = atoi(in->bytes + 9);
    size_t length = 0, size = in->used - (size_t)(end + 4 - in->bytes);
    const char *value = field(in->bytes, end, "connection", &length);
    *must_close = (value && !strncasecmp(value, "close", 5)) || !strncmp(in->bytes, "HTTP/1.0", 8);
    if (*status == 204 || *status == 304) return true;
    if ((value = field(in->bytes, end, "content-length", &length))) return size >= strtoull(value, NULL, 10);
    if ((value = field(in->bytes, end, "transfer-encoding", &length)))
        return size >= 5 && !memcmp(in->bytes + in->used - 5, "0\r\n\r\n", 5);
    return ended;
}

// A string member of a JSON answer, or a parameter of the Location; neither has escapes in what is taken here.
char *take(const struct taking *taking, const struct buffer *in) {
    const char *end = strstr(in->bytes, "\r\n\r\n"), *start = NULL;
    char name[128];
    if (taking->from_location) {
        size_t length = 0;
        const char *location = field(in->bytes, end, "location", &length);
        snprintf(name, sizeof name, "%s=", taking->name);
        for (start = location; start; start++) {
            start = strstr(start, name);
            if (!start || start >= location + length) return NULL;
            if (start[-1] == '?' || start[-1] == '&') break;
        }
        if (!start) return NULL;
        start += strlen(name);
        return strndup(start, strcspn(start, "&#\r\n"));
    }
    snprintf(name, sizeof name, "\"%s\"", taking->name);
    start = strstr(end, name);
    if (!start) return NULL;
    start += strlen(name);
    while (*start == ' ' || *start == ':') start++;
    if (*start++ != '"') return NULL;
    return strndup(start, strcspn(start, "\""));
}

void push(struct queue *queue, char *value) {
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? queue->capacity * 2 : 1024;
        char **items = malloc(capacity * sizeof *items);
        if (!items) fail("out of memory");
        for (size_t i = 0; i < queue->count; i++) items[i] = queue->items[(queue->first + i) % queue->capacity];
        free(queue->items);
        queue->items = items;
        queue->first = 0;
        queue->capacity = capacity;
    }
    queue->items[(queue->first + queue->count++) % queue->capacity] = value;
}

char *pop(struct queue *queue) {
    if (!queue->count) return NULL;
    char *value = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return value;
}

static size_t place(uint64_t value) {
    if (value < 128) return value;
    int octave = 63 - __builtin_clzll(value);
    return (size_t)(octave - 6) * 128 + (size_t)((value >> (octave - 7)) & 127);
}

void record(struct samples *samples, uint64_t nanoseconds) {
    samples->counts[place(nanoseconds)]++;
    samples->total++;
    if (nanoseconds > samples->most) samples->most = nanoseconds;
}

static double milliseconds(const struct samples *samples, double share) {
    uint64_t wanted = (uint64_t)((double)samples->total * share), seen = 0;
    for (size_t i = 0; i < sizeof samples->counts / sizeof *samples->counts; i++) {
        seen += samples->counts[i];
        if (seen <= wanted || !samples->counts[i]) continue;
        if (i < 128) return (double)i / 1e6;
        int octave = (int)(i / 128) + 6;
        return (double)((1ull << octave) + ((uint64_t)(i % 128) << (octave - 7))) / 1e6;
    }
    return (double)samples->most / 1e6;
}

void report(const struct samples *samples) {
    printf(", \"p50\": %.4f, \"p99\": %.4f, \"p99.9\": %.4f, \"max\": %.4f", milliseconds(samples, 0.5),
           milliseconds(samples, 0.99), milliseconds(samples, 0.999), (double)samples->most / 1e6);
}
