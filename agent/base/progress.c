/* SPDX-License-Identifier: MIT
 *
 * Progress lines and bars. See progress.h.
 */
#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum { DEFAULT_COLUMNS = 80, TEXT_SIZE = 256, BAR_SIZE = 512, BAR_MIN = 10, BAR_MAX = 40 };
/* A bar moves smoothly, but its rate would jump if it were taken over so short a time. */
static const int64_t BAR_TICK_NS = 200 * NS_PER_MS;
static const int64_t BAR_RATE_NS = NS_PER_S;

static int64_t interval_ns = 10 * NS_PER_S;

void progress_configure(int64_t interval)
{
    interval_ns = interval;
}

/* ---- texts ---- */

static uint64_t divide_rounded(uint64_t a, uint64_t by)
{
    return a / by + (a % by >= by - a % by);
}

/* A decimal unit that suits `ruling`, and how it is written. */
struct unit {
    uint64_t size;
    const char *name;
    bool tenths; /* with one decimal */
};

static struct unit unit_for(uint64_t ruling)
{
    static const char *const NAMES[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    struct unit unit = {.size = 1, .name = NAMES[0]};
    for (size_t i = 1; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (divide_rounded(ruling, unit.size) < 1000) {
            break;
        }
        unit = (struct unit){.size = unit.size * 1000, .name = NAMES[i]};
    }
    if (unit.size >= 10) {
        unit.tenths = divide_rounded(ruling, unit.size / 10) < 1000;
    }
    return unit;
}

static void add_scaled(struct str *out, uint64_t bytes, const struct unit *unit)
{
    if (unit->tenths) {
        uint64_t tenths = divide_rounded(bytes, unit->size / 10);
        str_printf(out, "%llu.%llu", (unsigned long long)tenths / 10,
                   (unsigned long long)tenths % 10);
    } else {
        str_printf(out, "%llu", (unsigned long long)divide_rounded(bytes, unit->size));
    }
}

/* 4,000 */
static void add_count(struct str *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            str_putc(out, ',');
        }
        str_putc(out, digits[i]);
    }
}

static void add_files(struct str *out, const struct progress_state *state)
{
    uint64_t ruling = state->files_total ? state->files_total : state->files;
    str_putc(out, ' ');
    add_count(out, state->files);
    if (state->files_total) {
        str_puts(out, " of ");
        add_count(out, state->files_total);
    }
    str_puts(out, ruling == 1 ? " file" : " files");
}

static void add_bytes(struct str *out, const struct progress_state *state)
{
    struct unit unit = unit_for(state->bytes_total ? state->bytes_total : state->bytes);
    str_putc(out, ' ');
    add_scaled(out, state->bytes, &unit);
    if (state->bytes_total) {
        str_puts(out, " of ");
        add_scaled(out, state->bytes_total, &unit);
    }
    str_printf(out, " %s, ", unit.name);
    unit = unit_for(state->rate);
    add_scaled(out, state->rate, &unit);
    str_printf(out, " %s/s", unit.name);
}

const char *progress_text(char *buf, size_t size, const char *verb,
                          const struct progress_state *state)
{
    struct str out = {.s = buf, .cap = size, .max = size - 1}; /* in place: never grows */
    bool files = state->files > 0 || state->files_total > 0;
    bool bytes = state->bytes > 0 || state->bytes_total > 0;
    str_puts(&out, verb);
    if (files) {
        add_files(&out, state);
    }
    if (files && bytes) {
        str_putc(&out, ',');
    }
    if (bytes) {
        add_bytes(&out, state);
    }
    if (!files && !bytes) {
        str_puts(&out, " nothing yet");
    }
    return buf;
}

/* How many of `room` places are full: by bytes when their total is known, else by files. Where the
 * product would not fit, the quotient is as good. */
static size_t filled(const struct progress_state *state, size_t room)
{
    uint64_t total = state->bytes_total ? state->bytes_total : state->files_total;
    uint64_t done = state->bytes_total ? state->bytes : state->files;
    if (done >= total) {
        return room;
    }
    return (size_t)(total < UINT64_MAX / room ? done * room / total : done / (total / room));
}

const char *progress_bar(char *buf, size_t size, size_t width, const char *stage, const char *verb,
                         const struct progress_state *state)
{
    char text[TEXT_SIZE];
    struct str out = {.s = buf, .cap = size, .max = width < size ? width : size - 1};
    if (out.max == 0) { /* which would mean no limit */
        buf[0] = '\0';
        return buf;
    }
    str_printf(&out, "%s: %s", stage, progress_text(text, sizeof text, verb, state));
    size_t left = out.max - out.len;
    if ((state->bytes_total == 0 && state->files_total == 0) || left < BAR_MIN + sizeof " []" - 1) {
        return buf;
    }
    size_t room = left - (sizeof " []" - 1);
    room = room < BAR_MAX ? room : BAR_MAX;
    size_t full = filled(state, room);
    str_puts(&out, " [");
    for (size_t i = 0; i < room; i++) {
        str_putc(&out, i < full ? '#' : '-');
    }
    str_putc(&out, ']');
    return buf;
}

/* ---- the thread ---- */

/* What the thread knows of the time before now. */
struct sample {
    int64_t at_ns;  /* when it was taken */
    uint64_t bytes; /* done then */
    uint64_t rate;  /* bytes a second, up to then */
};

static struct progress_state state_of(struct progress *p)
{
    int64_t bytes = atomic_load_explicit(&p->bytes, memory_order_relaxed);
    return (struct progress_state){
        .files = atomic_load_explicit(&p->files, memory_order_relaxed),
        .files_total = p->files_total,
        .bytes = bytes > 0 ? (uint64_t)bytes : 0,
        .bytes_total = p->bytes_total,
    };
}

/* The state now, its rate being that since `last`, or last's own when that is too short ago. */
static struct progress_state observe(struct progress *p, struct sample *last, int64_t at_least_ns)
{
    struct progress_state state = state_of(p);
    int64_t now = clock_monotonic_ns();
    int64_t spent = now - last->at_ns;
    if (spent >= at_least_ns && spent > 0) {
        uint64_t more = state.bytes > last->bytes ? state.bytes - last->bytes : 0;
        double rate = (double)more * (double)NS_PER_S / (double)spent;
        last->rate = rate < 1e18 ? (uint64_t)rate : UINT64_C(1000000000000000000);
        last->bytes = state.bytes;
        last->at_ns = now;
    }
    state.rate = last->rate;
    return state;
}

/* One column stays free: a terminal that wraps would scroll. */
static size_t terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return (known ? size.ws_col : DEFAULT_COLUMNS) - 1u;
}

static void draw_bar(struct progress *p, struct sample *last)
{
    char bar[BAR_SIZE];
    struct progress_state state = observe(p, last, BAR_RATE_NS);
    log_status(progress_bar(bar, sizeof bar, terminal_width(), p->stage, p->verb, &state));
}

static void say_line(struct progress *p, struct sample *last)
{
    char text[TEXT_SIZE];
    struct progress_state state = observe(p, last, 1);
    log_info(p->stage, "%s", progress_text(text, sizeof text, p->verb, &state));
}

/* Sleeps until `deadline_ns`; false when the end came first. */
static bool wait_until(struct progress *p, int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = deadline_ns / NS_PER_S,
                                .tv_nsec = deadline_ns % NS_PER_S};
    int rc = 0;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->ending && rc == 0) {
        rc = pthread_cond_timedwait(&p->wake, &p->lock, &deadline);
    }
    bool ending = p->ending;
    (void)pthread_mutex_unlock(&p->lock);
    return !ending;
}

static void *tell(void *arg)
{
    struct progress *p = arg;
    bool bar = isatty(STDERR_FILENO);
    struct sample last = {.at_ns = clock_monotonic_ns()};
    int64_t tick = bar ? BAR_TICK_NS : interval_ns;
    int64_t next = last.at_ns + (bar ? NS_PER_S : tick);
    while (wait_until(p, next)) {
        if (bar) {
            draw_bar(p, &last);
        } else {
            say_line(p, &last);
        }
        next =
            clock_monotonic_ns() + tick; /* not next + tick: after a pause no lines are made up */
    }
    if (bar) {
        log_status("");
    }
    return NULL;
}

static int start(struct progress *p)
{
    pthread_condattr_t monotonic;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        return -1;
    }
    if (pthread_condattr_init(&monotonic) != 0) {
        (void)pthread_mutex_destroy(&p->lock);
        return -1;
    }
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&p->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (rc != 0) {
        (void)pthread_mutex_destroy(&p->lock);
        return -1;
    }
    rc = pthread_create(&p->thread, NULL, tell, p);
    if (rc != 0) {
        (void)pthread_cond_destroy(&p->wake);
        (void)pthread_mutex_destroy(&p->lock);
    }
    return rc;
}

void progress_begin(struct progress *p, const char *stage, const char *verb, uint64_t files,
                    uint64_t bytes)
{
    memset(p, 0, sizeof *p);
    p->stage = stage;
    p->verb = verb;
    p->files_total = files;
    p->bytes_total = bytes;
    p->running = interval_ns > 0 && log_shows(LOG_INFO) && start(p) == 0;
}

void progress_add(struct progress *p, uint64_t files, int64_t bytes)
{
    if (!p) {
        return;
    }
    (void)atomic_fetch_add_explicit(&p->files, files, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&p->bytes, bytes, memory_order_relaxed);
}

void progress_end(struct progress *p)
{
    if (!p->running) {
        return;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->ending = true;
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->lock);
    p->running = false;
}
