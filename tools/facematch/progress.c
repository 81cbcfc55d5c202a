#include "progress.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"

enum { NARROWEST = 40, WIDEST = 100 };

static const char ERASE[] = "\r\033[K";

static struct {
    const char *label;
    size_t total, done;
    double started, drawn;
    char note[64];
    bool active;
} bar;
static volatile sig_atomic_t visible;

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < WIDEST ? size.ws_col : WIDEST;
}

static void remaining(char *text, size_t size, double elapsed)
{
    if (bar.done == 0 || elapsed < 1) {
        text[0] = '\0';
        return;
    }
    unsigned long left =
        (unsigned long)(elapsed / (double)bar.done * (double)(bar.total - bar.done));
    if (left >= 3600)
        snprintf(text, size, " %lu:%02lu:%02lu left", left / 3600, left / 60 % 60, left % 60);
    else
        snprintf(text, size, " %lu:%02lu left", left / 60, left % 60);
}

static void draw(void)
{
    char counts[160], eta[40], line[3 * WIDEST], cells[WIDEST + 1];
    int width = columns() - 1;
    remaining(eta, sizeof eta, clock_seconds() - bar.started);
    snprintf(counts, sizeof counts, " %zu/%zu%s%s", bar.done, bar.total, eta, bar.note);
    int room = width - (int)strlen(bar.label) - (int)strlen(counts) - 3;
    if (width < NARROWEST) {
        snprintf(line, sizeof line, "%.*s", width, counts + 1);
    } else if (room < 8) {
        snprintf(line, sizeof line, "%s%s", bar.label, counts);
        line[width] = '\0';
    } else {
        size_t filled = bar.total ? bar.done * (size_t)room / bar.total : 0;
        memset(cells, '-', (size_t)room);
        memset(cells, '#', filled);
        cells[room] = '\0';
        snprintf(line, sizeof line, "%s [%s]%s", bar.label, cells, counts);
    }
    visible = 1;
    fprintf(stderr, "%s%s", ERASE, line);
    fflush(stderr);
    bar.drawn = clock_seconds();
}

void bar_begin(const char *label, size_t total)
{
    bar.label = label;
    bar.total = total;
    bar.done = 0;
    bar.started = clock_seconds();
    bar.drawn = 0;
    bar.note[0] = '\0';
    bar.active = total > 1 && isatty(STDERR_FILENO);
}

void bar_to(size_t done)
{
    if (!bar.active)
        return;
    bar.done = done;
    if (bar.done == bar.total || clock_seconds() - bar.drawn > 0.1)
        draw();
}

void bar_note(const char *text)
{
    snprintf(bar.note, sizeof bar.note, "  %s", text);
}

void bar_step(void)
{
    bar_to(bar.done + 1);
}

void bar_hide(void)
{
    if (!visible)
        return;
    fputs(ERASE, stderr);
    fflush(stderr);
    visible = 0;
    bar.drawn = 0;
}

void bar_end(void)
{
    bar_hide();
    bar.active = false;
}

static void on_signal(int number)
{
    if (visible && write(STDERR_FILENO, ERASE, sizeof ERASE - 1) < 0) {
        /* Nothing is left to do about it: the program is about to end. */
    }
    raise(number); /* the handler was reset: this time it kills */
}

void bar_guard_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}
