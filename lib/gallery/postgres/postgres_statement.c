/* Parameters and rows in PostgreSQL's binary form, so that no bit of a vector is lost on the way,
 * and what its errors are called here. */
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "gallery/postgres/postgres.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VECTOR_HEAD = 4 }; /* int16 dim, int16 0 */

/* --- parameters --- */

static void put(fmi_pg_params *params, const void *value, size_t length, int format)
{
    int i = params->count++;
    params->values[i] = value;
    params->lengths[i] = (int)length;
    params->formats[i] = format;
}

static void write_big(unsigned char *out, uint64_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(bits >> 8 * (bytes - 1 - i));
}

static uint64_t read_big(const unsigned char *bytes, int count)
{
    uint64_t bits = 0;
    for (int i = 0; i < count; i++)
        bits = bits << 8 | bytes[i];
    return bits;
}

void fmi_pg_put_text(fmi_pg_params *params, const char *text)
{
    put(params, text, 0, 0);
}

static void put_number(fmi_pg_params *params, uint64_t bits)
{
    unsigned char *out = params->numbers[params->count];
    write_big(out, bits, 8);
    put(params, out, 8, 1);
}

void fmi_pg_put_integer(fmi_pg_params *params, int64_t value)
{
    put_number(params, (uint64_t)value);
}

void fmi_pg_put_real(fmi_pg_params *params, bool given, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (given)
        put_number(params, bits);
    else
        put(params, NULL, 0, 1);
}

size_t fmi_pg_vector_bytes(size_t dim)
{
    return VECTOR_HEAD + dim * 4;
}

void fmi_pg_put_vector(const fmi_pg *s, fmi_pg_params *params, const float *vector)
{
    size_t dim = (size_t)s->base.pin.dim;
    write_big(s->bytes, (uint64_t)dim << 16, VECTOR_HEAD);
    for (size_t i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, &vector[i], sizeof bits);
        write_big(s->bytes + VECTOR_HEAD + 4 * i, bits, 4);
    }
    put(params, s->bytes, fmi_pg_vector_bytes(dim), 1);
}

/* --- rows --- */

/* NULL where the column is NULL or has another length. */
static const unsigned char *value(const fmi_pg_row *row, int column, size_t length)
{
    if (PQgetisnull(row->result, row->row, column) ||
        (size_t)PQgetlength(row->result, row->row, column) != length)
        return NULL;
    return (const unsigned char *)PQgetvalue(row->result, row->row, column);
}

bool fmi_pg_is_null(const fmi_pg_row *row, int column)
{
    return PQgetisnull(row->result, row->row, column);
}

int64_t fmi_pg_integer(const fmi_pg_row *row, int column)
{
    const unsigned char *bytes = value(row, column, 8);
    return bytes ? (int64_t)read_big(bytes, 8) : 0;
}

double fmi_pg_real(const fmi_pg_row *row, int column)
{
    const unsigned char *bytes = value(row, column, 8);
    uint64_t bits = bytes ? read_big(bytes, 8) : 0;
    double real;
    memcpy(&real, &bits, sizeof real);
    return bytes ? real : (double)NAN;
}

fm_status fmi_pg_text(const fmi_pg_row *row, int column, char *out, size_t max, fm_error *err)
{
    const char *text = PQgetvalue(row->result, row->row, column);
    size_t size = (size_t)PQgetlength(row->result, row->row, column);
    if (PQgetisnull(row->result, row->row, column) || size > max || !fmi_utf8_valid(text, size))
        return fmi_pg_corrupt(row->s, "a text of the gallery is missing or too long", err);
    memcpy(out, text, size);
    out[size] = '\0';
    return FM_OK;
}

fm_status fmi_pg_vector(const fmi_pg_row *row, int column, fm_error *err)
{
    size_t dim = (size_t)row->s->base.pin.dim;
    const unsigned char *bytes = value(row, column, fmi_pg_vector_bytes(dim));
    bool finite = true, zero = true;
    if (!bytes || read_big(bytes, VECTOR_HEAD) != (uint64_t)dim << 16)
        return fmi_pg_corrupt(row->s, "a template has the wrong length", err);
    for (size_t i = 0; i < dim; i++) {
        uint32_t bits = (uint32_t)read_big(bytes + VECTOR_HEAD + 4 * i, 4);
        memcpy(&row->s->vector[i], &bits, sizeof bits);
        finite = finite && isfinite(row->s->vector[i]);
        zero = zero && row->s->vector[i] == 0;
    }
    fmi_wipe(PQgetvalue(row->result, row->row, column), fmi_pg_vector_bytes(dim));
    return finite && !zero ? FM_OK : fmi_pg_corrupt(row->s, "a template is not a direction", err);
}

/* --- errors --- */

fm_status fmi_pg_corrupt(const fmi_pg *s, const char *what, fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, "%s: %s", s->name, what);
}

/* The first that fits; longer ones before their classes. */
static const struct {
    const char *state;
    fm_status status;
} states[] = {{"55P03", FM_E_BUSY}, /* lock_timeout */
              {"57014", FM_E_BUSY}, /* statement_timeout, or somebody canceled it */
              {"40", FM_E_BUSY},    /* deadlock, serialization */
              {"55006", FM_E_BUSY},
              {"42501", FM_E_PERMISSION},
              {"25006", FM_E_PERMISSION}, /* a standby, or a read-only session */
              {"28", FM_E_PERMISSION},
              {"3D000", FM_E_NOT_FOUND},
              {"0A", FM_E_UNSUPPORTED},
              {"58P01", FM_E_UNSUPPORTED}, /* an extension that is not installed */
              {"22", FM_E_CORRUPT},
              {"23", FM_E_CORRUPT},
              {"42", FM_E_CORRUPT}, /* tables or columns are not ours */
              {"XX001", FM_E_CORRUPT},
              {"XX002", FM_E_CORRUPT}};

static fm_status status_of(const char *state)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strncmp(state, states[i].state, strlen(states[i].state)))
            return states[i].status;
    return FM_E_IO; /* 08 and HV: a server with a part of it; 53: no room; 57: going down; 58 */
}

void fmi_pg_first_line(char out[FMI_PG_LINE], const char *text)
{
    char line[FMI_PG_LINE];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\r\n"), text);
    fmi_text_clean(out, FMI_PG_LINE, line);
}

static fm_status fail_lost(fmi_pg *s, const char *why, fm_error *err)
{
    char text[FMI_PG_LINE];
    fmi_pg_first_line(text, why);
    fmi_pg_disconnect(s);
    return fmi_fail(err, FM_E_IO,
                    "%s: the server closed the connection, the next call connects anew%s%s",
                    s->name, *text ? ": " : "", text);
}

static fm_status fail_here(const fmi_pg *s, fm_error *err)
{
    char text[FMI_PG_LINE];
    fmi_pg_first_line(text, PQerrorMessage(s->conn));
    return fmi_fail(err, FM_E_IO, "%s: %s", s->name, text);
}

fm_status fmi_pg_fail(fmi_pg *s, const PGresult *result, fm_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    fm_status status;
    if (PQstatus(s->conn) == CONNECTION_BAD)
        return fail_lost(s, text ? text : PQerrorMessage(s->conn), err);
    if (!state) /* libpq's own: it could not send, or had no memory for the answer */
        return fail_here(s, err);
    s->undefined = !strcmp(state, "42P01");
    status = status_of(state);
    if (!strcmp(state, "55P03"))
        return fmi_fail(err, status, "%s: another process holds the gallery", s->name);
    if (!strncmp(state, "08", 2) || !strncmp(state, "HV", 2))
        return fmi_fail(err, status, "%s: a server that has a part of the gallery: %s", s->name,
                        text ? text : state);
    return fmi_fail(err, status, "%s: %s (%s)", s->name, text ? text : "refused", state);
}

/* --- statements --- */

static bool is_good(const PGresult *result)
{
    ExecStatusType type = PQresultStatus(result);
    return type == PGRES_COMMAND_OK || type == PGRES_TUPLES_OK || type == PGRES_SINGLE_TUPLE;
}

typedef struct reading {
    fmi_pg *s;
    fmi_pg_row_fn fn;
    void *user;
    int64_t rows;
    fm_status status;
} reading;

static int64_t rows_changed(PGresult *result)
{
    const char *text = PQcmdTuples(result);
    int64_t rows = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        rows = rows * 10 + (*text - '0');
    return rows;
}

static void read_result(reading *r, PGresult *result, fm_error *err)
{
    int count = PQntuples(result);
    for (int i = 0; i < count && r->fn && r->status == FM_OK; i++) {
        const fmi_pg_row row = {r->s, result, i};
        r->status = r->fn(r->user, &row, err);
    }
    r->rows += PQresultStatus(result) == PGRES_COMMAND_OK ? rows_changed(result) : count;
}

/* An error that ends the connection is followed by more of them; the first one says why. The
 * connection's state is known when all have been read. */
static fm_status read_results(reading *r, fm_error *err)
{
    PGresult *result, *failed = NULL;
    fm_status status;
    while ((result = PQgetResult(r->s->conn)) != NULL) {
        if (failed || is_good(result)) {
            if (!failed)
                read_result(r, result, err);
            PQclear(result);
        } else {
            failed = result;
        }
    }
    if (!failed && PQstatus(r->s->conn) == CONNECTION_OK)
        return r->status;
    status = fmi_pg_fail(r->s, failed, err);
    PQclear(failed);
    return status;
}

fm_status fmi_pg_query_raw(fmi_pg *s, const char *sql, const fmi_pg_params *params,
                           fmi_pg_row_fn fn, void *user, int64_t *rows, fm_error *err)
{
    static const fmi_pg_params none = {0};
    reading r = {s, fn, user, 0, FM_OK};
    fm_status status = fmi_pg_ready(s, err);
    if (status != FM_OK)
        return status;
    s->undefined = false;
    params = params ? params : &none;
    if (!PQsendQueryParams(s->conn, sql, params->count, NULL, params->values, params->lengths,
                           params->formats, 1))
        return fmi_pg_fail(s, NULL, err);
    PQsetSingleRowMode(s->conn);
    status = read_results(&r, err);
    if (status == FM_OK && rows)
        *rows = r.rows;
    return status;
}

/* Longer than FMI_PG_SQL is none of ours. */
static bool expand(char out[FMI_PG_SQL], const char *sql, int64_t no)
{
    size_t used = 0;
    for (; *sql && used < FMI_PG_SQL - 24; sql++)
        if (*sql == '@')
            used += (size_t)snprintf(out + used, 24, "%lld", (long long)no);
        else
            out[used++] = *sql;
    out[used] = '\0';
    return *sql == '\0';
}

fm_status fmi_pg_query(fmi_pg *s, const char *sql, const fmi_pg_params *params, fmi_pg_row_fn fn,
                       void *user, int64_t *rows, fm_error *err)
{
    char text[FMI_PG_SQL];
    if (!expand(text, sql, s->no))
        return fmi_fail(err, FM_E_INTERNAL, "a statement is too long");
    return fmi_pg_query_raw(s, text, params, fn, user, rows, err);
}

fm_status fmi_pg_exec_raw(fmi_pg *s, const char *sql, fm_error *err)
{
    reading r = {s, NULL, NULL, 0, FM_OK};
    s->undefined = false;
    if (!PQsendQuery(s->conn, sql))
        return fmi_pg_fail(s, NULL, err);
    return read_results(&r, err);
}

fm_status fmi_pg_exec(fmi_pg *s, const char *sql, fm_error *err)
{
    char text[FMI_PG_SQL];
    if (!expand(text, sql, s->no))
        return fmi_fail(err, FM_E_INTERNAL, "a statement is too long");
    return fmi_pg_exec_raw(s, text, err);
}

static fm_status keep_integer(void *user, const fmi_pg_row *row, fm_error *err)
{
    (void)err;
    *(int64_t *)user = fmi_pg_integer(row, 0);
    return FM_OK;
}

fm_status fmi_pg_get_integer(fmi_pg *s, const char *sql, const fmi_pg_params *params, int64_t *out,
                             fm_error *err)
{
    int64_t found = 0, rows = 0;
    fm_status status = fmi_pg_query(s, sql, params, keep_integer, &found, &rows, err);
    if (status == FM_OK && rows != 1)
        status = fmi_pg_corrupt(s, "an entry of the gallery is missing", err);
    if (status == FM_OK)
        *out = found;
    return status;
}
