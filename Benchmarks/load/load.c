// A load generator for one core (Linux): what wrk cannot do. Requests whose values come from a file or from the answer
// before (a family's latest refresh token, an authorization code), and an open loop: requests fall due at a fixed rate, and
// the clock of each starts when it fell due, whether or not a connection was free (no coordinated omission).
//
//   load --port P --connections N (--seconds S | --count N) [--rate R] [--values FILE [--again | --carry]] [--into FILE]
//        --request FILE [--expect STATUS] [--take json:NAME | location:NAME] [--request FILE …]
//
// A request file is a request with its body and without Content-Length, which is added; {value} stands for the value.
// Several requests are the steps of one journey on one connection; what a step takes from its answer is the value of the
// next. --carry puts what the last step took at the end of the values, and leaves in their file those that are to be used next;
// --again begins them anew, --into writes down what the last step took.
// The answer is one line of JSON; a journey that did not get the expected status, or found nothing to take, has failed.

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 6, EVENTS = 256, STATUSES = 600 };

struct step {
    struct template template;
    int expected;
    struct taking taking;
};

struct connection {
    int socket;
    int step;
    bool busy;
    uint64_t due;
    char *value;
    struct buffer out, in;
    size_t written;
};

static struct {
    int port, connections, steps;
    double seconds, rate;
    uint64_t count;
    bool again, carry;
    struct step step[STEPS];
    struct queue values;
    const char *values_path;
    FILE *into;
} plan;

static struct connection *all;
static int poll_;
static uint64_t begun, started, answered, failed, statuses[STATUSES], broken;
static bool exhausted;
static struct samples samples;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void open_(struct connection *c) {
    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->socket < 0) fail("no socket: %s", strerror(errno));
    int one = 1;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)plan.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        fail("cannot connect: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(poll_, EPOLL_CTL_ADD, c->socket, &event);
    c->in.used = 0;
}

static void flush(struct connection *c) {
    while (c->socket >= 0 && c->written < c->out.used) {
        ssize_t sent = send(c->socket, c->out.bytes + c->written, c->out.used - c->written, MSG_NOSIGNAL);
        if (sent < 0) return;  // The socket is full or not yet connected: epoll tells when to go on.
        c->written += (size_t)sent;
    }
}

static void ask(struct connection *c) {
    c->out.used = c->written = c->in.used = 0;
    fill(&c->out, &plan.step[c->step].template, c->value ? c->value : "");
    if (c->socket < 0) open_(c);
    flush(c);
}

// Whether another journey may begin.
static bool begin(struct connection *c, uint64_t due) {
    if (exhausted || (plan.count && started >= plan.count)) return false;
    if (plan.values.capacity) {
        char *value = pop(&plan.values);
        if (!value) {
            // Carried values that are under way come back; others are used up.
            exhausted = !plan.carry;
            return false;
        }
        if (plan.again) push(&plan.values, strdup(value));
        c->value = value;
    }
    started++;
    c->busy = true;
    c->step = 0;
    c->due = due;
    ask(c);
    return true;
}

static void done(struct connection *c, bool good) {
    if (good) {
        answered++;
        record(&samples, now() - c->due);
        if (c->value && plan.into) fprintf(plan.into, "%s\n", c->value);
        if (c->value && plan.carry) {
            push(&plan.values, c->value);
            c->value = NULL;
        }
    } else {
        failed++;
    }
    free(c->value);
    c->value = NULL;
    c->busy = false;
}

static void advance(struct connection *c, int status) {
    struct step *step = &plan.step[c->step];
    statuses[status < STATUSES ? status : 0]++;
    bool good = status == step->expected;
    if (good && step->taking.name) {
        char *found = take(&step->taking, &c->in);
        good = found != NULL;
        free(c->value);
        c->value = found;
    }
    if (!good || c->step + 1 == plan.steps) {
        done(c, good);
    } else {
        c->step++;
        ask(c);
    }
}

// A connection that the server closed is opened anew only for a request: some servers serve one connection at a time.
static void lose(struct connection *c) {
    close(c->socket);
    c->socket = -1;
    if (c->busy) {
        broken++;
        done(c, false);
    }
}

static void receive(struct connection *c) {
    for (;;) {
        reserve(&c->in, 16384);
        ssize_t count = recv(c->socket, c->in.bytes + c->in.used, c->in.capacity - c->in.used - 1, 0);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) lose(c);
            return;
        }
        bool ended = count == 0;
        c->in.used += (size_t)count;
        c->in.bytes[c->in.used] = 0;
        int status = 0;
        bool close_ = false;
        if (c->busy && complete(&c->in, ended, &status, &close_)) {
            if (close_ || ended) {
                // At once: a server that waits for the other side to close would wait for us.
                close(c->socket);
                c->socket = -1;
            }
            advance(c, status);
            return;
        }
        if (ended) {
            lose(c);
            return;
        }
    }
}

// When the journey of this number falls due.
static uint64_t due_at(uint64_t number) { return begun + (uint64_t)((double)number * 1e9 / plan.rate); }

// Gives work to idle connections; in an open loop only what has fallen due.
static void dispatch(int timer) {
    static int next = 0;
    uint64_t moment = now();
    for (int tries = 0; tries < plan.connections; tries++) {
        struct connection *c = &all[next];
        if (plan.rate > 0 && due_at(started) > moment) break;
        next = (next + 1) % plan.connections;
        if (c->busy) continue;
        if (!begin(c, plan.rate > 0 ? due_at(started) : now())) break;
    }
    if (plan.rate > 0) {
        uint64_t due = due_at(started);
        struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    }
}

static bool busy(void) {
    for (int i = 0; i < plan.connections; i++)
        if (all[i].busy) return true;
    return false;
}

static void run(void) {
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll_, EPOLL_CTL_ADD, timer, &wake);
    prctl(PR_SET_TIMERSLACK, 1);
    all = calloc((size_t)plan.connections, sizeof *all);
    for (int i = 0; i < plan.connections; i++) all[i].socket = -1;
    begun = now();
    uint64_t until = plan.seconds > 0 ? begun + (uint64_t)(plan.seconds * 1e9) : UINT64_MAX;
    // What is under way at the end is waited for, and counted: none is cut off while it is slow. Thirty seconds at most.
    for (uint64_t last = begun; now() < until || (busy() && now() < last + 30000000000u);) {
        if (now() < until) {
            dispatch(timer);
            last = now();
        }
        if (!busy() && (exhausted || (plan.count && started >= plan.count))) break;
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll_, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                uint64_t expirations;
                if (read(timer, &expirations, sizeof expirations) < 0) continue;
                continue;
            }
            if (events[i].events & EPOLLOUT) flush(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
            if (!c->busy && now() < until && plan.rate <= 0) begin(c, now());
        }
    }
}

static void read_values(const char *path) {
    plan.values_path = path;
    FILE *file = fopen(path, "r");
    if (!file) fail("cannot read %s", path);
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
        if (length > 0) push(&plan.values, strdup(line));
    }
    free(line);
    fclose(file);
    if (!plan.values.capacity) fail("%s has no values", path);
}

static void leave_values(void) {
    FILE *file = fopen(plan.values_path, "w");
    if (!file) fail("cannot write %s", plan.values_path);
    for (char *value; (value = pop(&plan.values)); free(value)) fprintf(file, "%s\n", value);
    fclose(file);
}

static void understand(int count, char **words) {
    struct step *step = NULL;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        if (!strcmp(word, "--again")) {
            plan.again = true;
            continue;
        } else if (!strcmp(word, "--carry")) {
            plan.carry = true;
            continue;
        }
        if (i + 1 >= count) fail("%s needs a value", word);
        const char *value = words[++i];
        if (!strcmp(word, "--port")) plan.port = atoi(value);
        else if (!strcmp(word, "--connections")) plan.connections = atoi(value);
        else if (!strcmp(word, "--seconds")) plan.seconds = atof(value);
        else if (!strcmp(word, "--count")) plan.count = strtoull(value, NULL, 10);
        else if (!strcmp(word, "--rate")) plan.rate = atof(value);
        else if (!strcmp(word, "--values")) read_values(value);
        else if (!strcmp(word, "--into")) plan.into = fopen(value, "w");
        else if (!strcmp(word, "--request") && plan.steps < STEPS) {
            step = &plan.step[plan.steps++];
            step->expected = 200;
            step->template = template(value);
        } else if (!strcmp(word, "--expect") && step) step->expected = atoi(value);
        else if (!strcmp(word, "--take") && step) step->taking = taking(value);
        else fail("what is %s?", word);
    }
    if (!plan.port || plan.connections < 1 || !plan.steps || !(plan.seconds > 0 || plan.count))
        fail("--port, --connections, --request, and --seconds or --count are needed");
    if (plan.carry && !plan.values_path) fail("--carry needs --values");
}

int main(int count, char **words) {
    understand(count, words);
    run();
    double seconds = (double)(now() - begun) / 1e9;
    printf("{\"rate\": %.2f, \"seconds\": %.4f, \"answered\": %llu, \"failed\": %llu, \"broken\": %llu, \"exhausted\": %s",
           (double)answered / seconds, seconds, (unsigned long long)answered, (unsigned long long)failed,
           (unsigned long long)broken, exhausted ? "true" : "false");
    // In an open loop: how many had fallen due and were not even begun when the time was up.
    uint64_t due = plan.rate > 0 ? (uint64_t)(plan.rate * plan.seconds) : started;
    printf(", \"unbegun\": %llu, \"statuses\": {", (unsigned long long)(due > started ? due - started : 0));
    for (int i = 0, any = 0; i < STATUSES; i++)
        if (statuses[i]) printf("%s\"%d\": %llu", any++ ? ", " : "", i, (unsigned long long)statuses[i]);
    printf("}");
    report(&samples);
    printf("}\n");
    if (plan.into) fclose(plan.into);
    if (plan.carry) leave_values();
    return 0;
}
