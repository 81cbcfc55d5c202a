/* The connection to the server: from a URI, made anew by the next call after it was lost, and the
 * transactions on it. */
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "gallery/postgres/postgres.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LONGEST_NAME = 128, OLDEST_SERVER = 140000 };

int64_t fmi_pg_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the URI --- */

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) % 16 : -1;
}

/* "%41" as "A", in place. */
static bool decode(char *text)
{
    char *out = text;
    for (; *text; text++) {
        if (*text != '%') {
            *out++ = *text;
            continue;
        }
        if (hex(text[1]) < 0 || hex(text[2]) < 0)
            return false;
        *out++ = (char)(hex(text[1]) * 16 + hex(text[2]));
        text += 2;
    }
    *out = '\0';
    return true;
}

/* The parameter gallery=NAME is ours: libpq does not see it. */
static fm_status take_gallery(fmi_pg *s, fm_error *err)
{
    static const char ours[] = "gallery=";
    char *at = strchr(s->uri, '?');
    fmi_free(s->gallery);
    s->gallery = NULL;
    while (at && !s->gallery) {
        char *value = at + 1, *end = value + strcspn(value, "&");
        if (!strncmp(value, ours, sizeof ours - 1)) {
            char last = *end;
            *end = '\0';
            s->gallery = fmi_strdup(value + sizeof ours - 1);
            *end = last;
            if (!s->gallery)
                return fmi_fail_memory(err);
            memmove(last ? value : at, last ? end + 1 : end, strlen(last ? end + 1 : end) + 1);
        } else {
            at = *end ? end : NULL;
        }
    }
    if (!s->gallery)
        s->gallery = fmi_strdup("main");
    if (!s->gallery)
        return fmi_fail_memory(err);
    if (!decode(s->gallery))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "the name of the gallery is not percent-encoded");
    return fmi_text_check(s->gallery, 1, LONGEST_NAME, "the name of the gallery", err);
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, keyword))
            return options->val ? options->val : "";
    return "";
}

/* Without user and password: it is for messages. */
static char *make_name(const PQconninfoOption *options, const char *gallery)
{
    const char *host = option(options, "host"), *port = option(options, "port"),
               *db = option(options, "dbname");
    size_t size = strlen(host) + strlen(port) + strlen(db) + strlen(gallery) + 32;
    char *name = fmi_alloc(size);
    if (name)
        snprintf(name, size, "postgresql://%s%s%s/%s?gallery=%s", host, *port ? ":" : "", port, db,
                 gallery);
    return name;
}

/* libpq's own message about a URI has the whole of it, with the password. */
fm_status fmi_pg_read_uri(fmi_pg *s, const char *uri, fm_error *err)
{
    PQconninfoOption *options;
    char *message = NULL;
    fm_status status;
    s->uri = fmi_strdup(uri);
    if (!s->uri)
        return fmi_fail_memory(err);
    s->uri_size = strlen(uri) + 1;
    status = take_gallery(s, err);
    if (status != FM_OK)
        return status;
    options = PQconninfoParse(s->uri, &message);
    if (message) {
        fmi_wipe(message, strlen(message));
        PQfreemem(message);
    }
    if (!options)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "the URI of the gallery is not one of PostgreSQL: percent-encode what is "
                        "special in it, and use libpq's names of parameters");
    s->name = make_name(options, s->gallery);
    PQconninfoFree(options);
    s->base.name = s->name;
    return s->name ? FM_OK : fmi_fail_memory(err);
}

/* --- connecting --- */

static void ignore_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static fm_status fail_connect(fmi_pg *s, fm_error *err)
{
    bool password = s->conn && PQconnectionNeedsPassword(s->conn);
    char text[FMI_PG_LINE];
    fmi_pg_first_line(text, s->conn ? PQerrorMessage(s->conn) : "out of memory");
    fmi_pg_disconnect(s);
    if (password)
        return fmi_fail(err, FM_E_PERMISSION, "%s: the server wants a password", s->name);
    return fmi_fail(err, FM_E_IO, "%s: no connection: %s", s->name, text);
}

/* What stands in front of the URI can be set otherwise by it. A peer that has gone without a word
 * is noticed after about a minute. */
static fm_status open_connection(fmi_pg *s, fm_error *err)
{
    static const char *const keys[] = {"fallback_application_name",
                                       "connect_timeout",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       "tcp_user_timeout",
                                       "dbname",
                                       "client_encoding",
                                       NULL};
    char seconds[16];
    const char *values[] = {"facematch", seconds, "30", "10", "3", "60000", s->uri, "UTF8", NULL};
    snprintf(seconds, sizeof seconds, "%d", (int)(s->timeout_ms / 1000 + 2));
    s->conn = PQconnectdbParams(keys, values, 1);
    if (!s->conn || PQstatus(s->conn) != CONNECTION_OK)
        return fail_connect(s, err);
    PQsetNoticeReceiver(s->conn, ignore_notice, NULL);
    if (PQserverVersion(s->conn) >= OLDEST_SERVER)
        return FM_OK;
    fmi_pg_disconnect(s);
    return fmi_fail(err, FM_E_UNSUPPORTED, "%s: the server is older than PostgreSQL 14", s->name);
}

/* Names are looked up where the server's own and pgvector's are, and nowhere that others could put
 * theirs in front. What a call acknowledges is on the disk, whatever the role's settings. */
static fm_status set_up(fmi_pg *s, fm_error *err)
{
    char sql[512];
    FMI_PG_FORMAT(sql,
                  "SET search_path = pg_catalog; SET lock_timeout = %d; SET jit = off;"
                  "SET default_transaction_read_only = %s;"
                  "SELECT set_config('synchronous_commit', 'on', false) "
                  "WHERE current_setting('synchronous_commit') = 'off'",
                  (int)s->timeout_ms, s->mode == FM_GALLERY_READ_ONLY ? "on" : "off");
    return fmi_pg_exec(s, sql, err);
}

fm_status fmi_pg_connect(fmi_pg *s, fm_error *err)
{
    fm_status status;
    fmi_pg_disconnect(s);
    status = open_connection(s, err);
    if (status == FM_OK)
        status = set_up(s, err);
    if (status != FM_OK)
        fmi_pg_disconnect(s);
    return status;
}

void fmi_pg_disconnect(fmi_pg *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
}

fm_status fmi_pg_ready(fmi_pg *s, fm_error *err)
{
    fm_status status;
    if (s->conn)
        return FM_OK;
    if (s->inside)
        return fmi_fail(err, FM_E_IO, "%s: the connection was lost", s->name);
    status = fmi_pg_connect(s, err);
    if (status == FM_OK)
        status = fmi_pg_find_again(s, err);
    if (status != FM_OK)
        fmi_pg_disconnect(s);
    return status;
}

/* --- transactions --- */

static fm_status begin(fmi_pg *s, const char *sql, fm_error *err)
{
    fm_status status = fmi_pg_ready(s, err);
    if (status != FM_OK)
        return status;
    status = fmi_pg_exec(s, sql, err);
    if (status == FM_OK)
        s->inside = true;
    else
        fmi_pg_rollback(s);
    return status;
}

static fm_status note_turn(void *user, const fmi_pg_row *row, fm_error *err)
{
    (void)err;
    *(fmi_pg_turn *)user =
        (fmi_pg_turn){fmi_pg_integer(row, 0), fmi_pg_integer(row, 1), fmi_pg_integer(row, 2)};
    return FM_OK;
}

/* Those who write to a gallery take turns, so that its numbers rise in the order in which they can
 * be seen. */
fm_status fmi_pg_begin_write(fmi_pg *s, fm_error *err)
{
    int64_t rows = 0;
    fm_status status = begin(s, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
    if (status != FM_OK)
        return status;
    status = fmi_pg_query(s,
                          "UPDATE facematch.galleries SET writes = writes + 1 WHERE gallery_no = @ "
                          "RETURNING last_identity, last_template, shards, " FMI_PG_WRITER_LOCK,
                          NULL, note_turn, &s->turn, &rows, err);
    if (status == FM_OK && rows != 1)
        status = fmi_pg_corrupt(s, "the gallery is no longer there", err);
    if (status != FM_OK)
        fmi_pg_rollback(s);
    return status;
}

fm_status fmi_pg_begin_read(fmi_pg *s, fm_error *err)
{
    return begin(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

fm_status fmi_pg_commit(fmi_pg *s, fm_error *err)
{
    fm_status status = fmi_pg_exec(s, "COMMIT", err);
    if (status != FM_OK && !s->conn)
        status =
            fmi_fail(err, FM_E_IO,
                     "%s: the server closed the connection while it stored: what was asked for "
                     "may or may not have been done. The next call connects anew",
                     s->name);
    if (status != FM_OK)
        fmi_pg_rollback(s);
    s->inside = false;
    return status;
}

/* A connection on which this fails is good for nothing else. */
void fmi_pg_rollback(fmi_pg *s)
{
    s->inside = false;
    if (!s->conn || PQtransactionStatus(s->conn) == PQTRANS_IDLE)
        return;
    if (fmi_pg_exec(s, "ROLLBACK", NULL) != FM_OK)
        fmi_pg_disconnect(s);
}
