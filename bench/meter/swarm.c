/* swarm [-w] [-r] [-c COOKIES] [-a AFTER] [-f IN_FLIGHT] HOST PORT PATH COUNT
 *
 * Opens COUNT streams of server-sent events (-w: websockets), IN_FLIGHT (64) at a time, each with the next line of the
 * file COOKIES. Prints "ready", once all have been answered, then obeys lines on its standard input: "reset" (answered
 * with the same word) begins to count anew, "report" prints one line of JSON, the end of the input ends it.
 *
 * Whoever publishes writes t=<nanoseconds of CLOCK_MONOTONIC>; into each message: its age on arrival is the latency.
 * -a: ids count up by one from AFTER; what is left out is a gap, what comes again a double.
 * -r: a stream that is lost comes back with Last-Event-ID, when the server said ("retry", or "retry_ms" of a drain).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum state { NEW, CONNECTING, ASKING, OPEN, WAITING, REFUSED };
typedef struct {
    int fd, chunked, closing, answered;
    enum state state;
    size_t left;            /* of the chunk that is being read */
    char *kept; size_t length, room; /* raw bytes that are not understood yet */
    char *text; size_t text_length, text_room; /* an unfinished line of the stream */
    uint64_t stamp, id, due, events;
    uint32_t retry_ms;
} Stream;
typedef struct { uint64_t stamp, last; uint32_t count; } Message;

static int websocket, returning, with_ids, count, in_flight, most_in_flight = 64, epoll, port;
static const char *host, *path;
static char **cookies; static int cookie_count;
static Stream *streams;
static struct sockaddr_in address;
static uint64_t opened, answered, refused, lost, returned, events, gaps, doubles, bytes;

#define BUCKETS 1000000 /* of 20 us */
static uint32_t *ages;
#define MOST_MESSAGES (1 << 17)
static Message *messages; static int message_count;

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

static void append(char **to, size_t *length, size_t *room, const char *from, size_t size) {
    if (*length + size > *room) *to = realloc(*to, *room = (*length + size) * 2);
    memcpy(*to + *length, from, size);
    *length += size;
}

static void arrived(Stream *s, uint64_t stamp) {
    uint64_t at = now(), age = at > stamp ? (at - stamp) / 20000 : 0;
    ages[age < BUCKETS ? age : BUCKETS - 1]++;
    events++; s->events++;
    int i = message_count - 1;
    while (i >= 0 && messages[i].stamp != stamp) i--;
    if (i < 0) { if (message_count == MOST_MESSAGES) return; messages[i = message_count++] = (Message){.stamp = stamp}; }
    messages[i].count++; messages[i].last = at;
}

static uint64_t marker(const char *text, size_t size) {
    for (const char *at = text; (at = memmem(at, text + size - at, "t=", 2)); at += 2) {
        uint64_t number = 0; const char *digit = at + 2;
        while (digit < text + size && *digit >= '0' && *digit <= '9') number = number * 10 + *digit++ - '0';
        if (digit < text + size && *digit == ';' && number > 1000000) return number;
    }
    return 0;
}

static int starts(const char *line, size_t size, const char *with) { return size >= strlen(with) && !memcmp(line, with, strlen(with)); }

static void take_line(Stream *s, const char *line, size_t size) {
    if (!size) {
        if (s->stamp) arrived(s, s->stamp);
        s->stamp = 0;
    } else if (starts(line, size, "data:")) {
        const char *told = s->closing ? memmem(line, size, "\"retry_ms\": ", 12) : NULL;
        if (told) s->retry_ms = atoi(told + 12);
        if (!s->stamp) s->stamp = marker(line, size);
    } else if (starts(line, size, "id: ") && with_ids) {
        uint64_t id = strtoull(line + 4, NULL, 10);
        if (id <= s->id) doubles++; else { gaps += id - s->id - 1; s->id = id; }
    } else if (starts(line, size, "retry: ")) s->retry_ms = atoi(line + 7);
    else if (starts(line, size, "event: closed")) s->closing = 1;
}

static void take_text(Stream *s, const char *text, size_t size) {
    const char *end;
    while ((end = memchr(text, '\n', size))) {
        size_t piece = end - text;
        if (s->text_length) {
            append(&s->text, &s->text_length, &s->text_room, text, piece + 1);
            take_line(s, s->text, s->text_length - 1);
            s->text_length = 0;
        } else take_line(s, text, piece);
        text += piece + 1; size -= piece + 1;
    }
    append(&s->text, &s->text_length, &s->text_room, text, size);
}

/* How many of the bytes were understood. */
static size_t take_chunks(Stream *s, const char *from, size_t size) {
    size_t done = 0;
    while (done < size) {
        if (!s->left) {
            const char *end = memmem(from + done, size - done, "\r\n", 2);
            if (!end) break;
            s->left = strtoull(from + done, NULL, 16);
            done = end + 2 - from;
            if (s->left) s->left += 2; /* the line end after it */
        } else {
            size_t piece = size - done < s->left ? size - done : s->left, text = s->left - piece < 2 ? s->left - 2 : piece;
            if (s->left > 2) take_text(s, from + done, text < piece ? text : piece);
            done += piece; s->left -= piece;
        }
    }
    return done;
}

static size_t take_frames(Stream *s, const char *from, size_t size) {
    size_t done = 0;
    while (size - done >= 2) {
        const unsigned char *head = (const unsigned char *)from + done;
        size_t length = head[1] & 127, start = 2;
        if (length == 126) { if (size - done < 4) break; length = head[2] << 8 | head[3]; start = 4; }
        else if (length == 127) { if (size - done < 10) break; length = 0; for (start = 2; start < 10; start++) length = length << 8 | head[start]; }
        if (size - done < start + length) break;
        uint64_t stamp = marker((const char *)head + start, length);
        if (stamp) arrived(s, stamp);
        done += start + length;
    }
    return done;
}

static size_t take_head(Stream *s, const char *from, size_t size) {
    const char *end = memmem(from, size, "\r\n\r\n", 4);
    if (!end) return 0;
    in_flight--;
    int again = s->answered;
    if (!again) { s->answered = 1; answered++; }
    if (atoi(from + 9) != (websocket ? 101 : 200)) {
        if (!refused++) fprintf(stderr, "refused: %.*s\n", (int)(end - from < 200 ? end - from : 200), from);
        s->state = REFUSED;
        return size;
    }
    s->chunked = !!strcasestr(strndupa(from, end - from), "transfer-encoding: chunked");
    s->state = OPEN; opened++; returned += again;
    return end + 4 - from;
}

static void leave(Stream *s) {
    if (s->state == OPEN) { opened--; lost++; }
    if (s->state == CONNECTING || s->state == ASKING) in_flight--;
    close(s->fd); s->fd = -1;
    if (!returning && !s->answered) { s->answered = 1; answered++; refused++; }
    if (returning) { s->state = WAITING; s->due = now() + s->retry_ms * 1000000ull; }
    else s->state = REFUSED;
}

static void take(Stream *s, const char *from, size_t size) {
    if (s->length) { append(&s->kept, &s->length, &s->room, from, size); from = s->kept; size = s->length; }
    size_t done = s->state == ASKING ? take_head(s, from, size) : 0;
    if (s->state == OPEN) {
        if (websocket) done += take_frames(s, from + done, size - done);
        else if (s->chunked) done += take_chunks(s, from + done, size - done);
        else { take_text(s, from + done, size - done); done = size; }
    }
    if (from == s->kept) { memmove(s->kept, s->kept + done, size - done); s->length = size - done; }
    else append(&s->kept, &s->length, &s->room, from + done, size - done);
}

static void begin(Stream *s) {
    int one = 1;
    s->length = s->text_length = s->left = s->stamp = s->closing = 0;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0) { perror("socket"); exit(1); }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->state = CONNECTING; in_flight++;
    if (connect(s->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) { leave(s); return; }
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &wanted);
}

static void ask(Stream *s) {
    char request[4096]; int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n", path, host, port);
    if (cookie_count) length += snprintf(request + length, sizeof request - length, "Cookie: %s\r\n", cookies[(s - streams) % cookie_count]);
    if (with_ids) length += snprintf(request + length, sizeof request - length, "Last-Event-ID: %lu\r\n", s->id);
    length += snprintf(request + length, sizeof request - length, websocket
        ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://%s\r\n\r\n"
        : "Accept: text/event-stream\r\n\r\n", host);
    s->state = ASKING;
    if (write(s->fd, request, length) != length) { leave(s); return; }
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &wanted);
}

static void serve(Stream *s) {
    static char buffer[1 << 18];
    if (s->fd < 0) return;
    if (s->state == CONNECTING) { ask(s); return; }
    ssize_t size = read(s->fd, buffer, sizeof buffer);
    if (size < 0 && errno == EAGAIN) return;
    if (size > 0) { bytes += size; take(s, buffer, size); }
    if (size <= 0 || s->state == REFUSED) leave(s);
}

static int by_number(const void *a, const void *b) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return (x > y) - (x < y); }

static double age_at(double part) {
    uint64_t wanted = part * events, seen = 0;
    for (int i = 0; i < BUCKETS; i++) if ((seen += ages[i]) > wanted) return i * 0.02;
    return 0;
}

static void report(void) {
    uint64_t least = ~0ull, least_id = ~0ull, *lasts = calloc(message_count + 1, sizeof *lasts); int whole = 0;
    for (int i = 0; i < count; i++) { if (streams[i].events < least) least = streams[i].events; if (streams[i].id < least_id) least_id = streams[i].id; }
    for (int i = 0; i < message_count; i++) if ((int)messages[i].count >= count) lasts[whole++] = messages[i].last - messages[i].stamp;
    qsort(lasts, whole, sizeof *lasts, by_number);
    struct rusage used; getrusage(RUSAGE_SELF, &used);
    printf("{\"open\":%lu,\"refused\":%lu,\"lost\":%lu,\"returned\":%lu,\"events\":%lu,\"least\":%lu,\"least_id\":%lu,\"gaps\":%lu,\"doubles\":%lu,"
           "\"p50\":%.2f,\"p99\":%.2f,\"whole\":%d,\"last_p50\":%.2f,\"last_p99\":%.2f,\"bytes\":%lu,\"cpu\":%.3f}\n",
           opened, refused, lost, returned, events, least, least_id, gaps, doubles, age_at(.5), age_at(.99), whole,
           whole ? lasts[whole / 2] / 1e6 : 0, whole ? lasts[(int)(whole * .99)] / 1e6 : 0, bytes,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    fflush(stdout); free(lasts);
}

static void reset(void) {
    events = gaps = doubles = lost = returned = bytes = 0; message_count = 0;
    memset(ages, 0, BUCKETS * sizeof *ages);
    for (int i = 0; i < count; i++) streams[i].events = 0;
    printf("reset\n"); fflush(stdout); /* what comes from now on counts */
}

/* 0 at the end of the input. */
static int obey(void) {
    static char line[64];
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (poll(&input, 1, 0) > 0) {
        size_t length = 0; ssize_t got;
        while ((got = read(0, line + length, 1)) == 1 && line[length] != '\n' && length < sizeof line - 2) length++;
        if (got <= 0) return 0;
        line[length] = 0;
        if (!strcmp(line, "report")) report(); else if (!strcmp(line, "reset")) reset();
    }
    return 1;
}

static void read_cookies(const char *name) {
    FILE *file = fopen(name, "r"); char *line = NULL; size_t room = 0;
    if (!file) { perror(name); exit(1); }
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        cookies = realloc(cookies, (cookie_count + 1) * sizeof *cookies);
        cookies[cookie_count++] = strdup(line);
    }
}

int main(int argc, char **argv) {
    uint64_t after = 0; int option;
    while ((option = getopt(argc, argv, "wrc:a:f:")) != -1) switch (option) {
        case 'w': websocket = 1; break;
        case 'r': returning = 1; break;
        case 'c': read_cookies(optarg); break;
        case 'a': after = strtoull(optarg, NULL, 10); with_ids = 1; break;
        case 'f': most_in_flight = atoi(optarg); break;
        default: return 2;
    }
    if (argc - optind != 4) { fprintf(stderr, "usage: see the head of swarm.c\n"); return 2; }
    host = argv[optind]; port = atoi(argv[optind + 1]); path = argv[optind + 2]; count = atoi(argv[optind + 3]);
    address.sin_family = AF_INET; address.sin_port = htons(port); inet_pton(AF_INET, host, &address.sin_addr);
    struct rlimit files; getrlimit(RLIMIT_NOFILE, &files); files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    streams = calloc(count, sizeof *streams); ages = calloc(BUCKETS, sizeof *ages); messages = calloc(MOST_MESSAGES, sizeof *messages);
    for (int i = 0; i < count; i++) { streams[i].fd = -1; streams[i].id = after; streams[i].retry_ms = 1000; }
    epoll = epoll_create1(0);
    int next = 0, said = 0; uint64_t looked = 0;
    struct epoll_event ready[1024];
    while (obey()) {
        while (next < count && in_flight < most_in_flight) begin(&streams[next++]);
        if (returning && now() - looked > 5000000) {
            looked = now();
            for (int i = 0; i < count; i++) if (streams[i].state == WAITING && streams[i].due <= looked) begin(&streams[i]);
        }
        int n = epoll_wait(epoll, ready, 1024, 5);
        for (int i = 0; i < n; i++) serve(ready[i].data.ptr);
        if (!said && answered == (uint64_t)count) { said = 1; printf("ready\n"); fflush(stdout); }
    }
    return 0;
}
