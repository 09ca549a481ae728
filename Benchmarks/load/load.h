// What a request and an answer are to the load generator: templates, values, bytes, and how long it took.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct buffer {
    char *bytes;
    size_t used, capacity;
};

struct template {
    char *head, *body;  // {value} stands in either
    bool has_body;
};

struct taking {
    const char *name;  // NULL: nothing is taken
    bool from_location;
};

struct queue {
    char **items;
    size_t first, count, capacity;
};

// Nanoseconds in a histogram of 64 octaves with 128 parts each: known to within 0.8 %.
struct samples {
    uint64_t counts[64 * 128];
    uint64_t total, most;
};

void fail(const char *format, ...);
void reserve(struct buffer *buffer, size_t more);
struct template template(const char *path);
struct taking taking(const char *text);
void fill(struct buffer *out, const struct template *template, const char *value);
bool complete(struct buffer *in, bool ended, int *status, bool *must_close);
char *take(const struct taking *taking, const struct buffer *in);
void push(struct queue *queue, char *value);
char *pop(struct queue *queue);
void record(struct samples *samples, uint64_t nanoseconds);
void report(const struct samples *samples);
