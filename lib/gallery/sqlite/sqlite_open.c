/* Opening the file of a gallery.
 *
 * A new gallery is built under another name and gets its own by link(2), which fails when the name
 * is taken. So the name never stands for half a gallery, nothing is left behind when building
 * fails, and of two processes that create one at the same time both end up with the same file.
 *
 * This file never opens a gallery but through SQLite: POSIX drops all locks that a process has on a
 * file as soon as it closes any descriptor of it. */
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "gallery/sqlite/sqlite.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x464D4701, /* "FMG", 1 */
    PLAIN_VERSION = 1,
    SEALED_VERSION = 2, /* the same tables, with other things in them: sqlite_seal.h */
    SCHEMA_VERSION = 2,
    LONGEST_VALUE = 1 << 20, /* bytes; the longest vector has 2^18, metadata 2^16 */
    NAME_TRIES = 16
};

/* Compared with what an opened file has, so that nothing else can hide in its schema. */
static const struct {
    const char *name, *sql;
} schema[] = {
    {"meta", "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID"},
    {"identities", "CREATE TABLE identities (identity_no INTEGER PRIMARY KEY AUTOINCREMENT, "
                   "id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, metadata TEXT NOT NULL, "
                   "created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL)"},
    {"templates",
     "CREATE TABLE templates (template_id INTEGER PRIMARY KEY AUTOINCREMENT, "
     "identity_no INTEGER NOT NULL REFERENCES identities, created_ms INTEGER NOT NULL, "
     "quality REAL, label TEXT NOT NULL, vector BLOB NOT NULL)"},
    {"templates_by_identity", "CREATE INDEX templates_by_identity ON templates (identity_no)"}};
enum { SCHEMA_ITEMS = sizeof schema / sizeof *schema };

int64_t fmi_sqlite_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* SQLite gives names such as ":memory:" and "file:..." a meaning. A path with a slash in front of
 * the colon is just a path. */
static char *plain_path(const char *path)
{
    size_t size = strlen(path) + 3;
    char *plain = fmi_alloc(size);
    if (plain)
        snprintf(plain, size, "%s%s", path[0] == '/' ? "" : "./", path);
    return plain;
}

static fm_status open_file(fmi_sqlite *s, const char *name, int flags, int32_t timeout_ms,
                           fm_error *err)
{
    /* NOMUTEX: the gallery's own lock is around every use of the connection, and a second one
     * inside SQLite would only cost time. */
    int rc = sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return fmi_sqlite_fail(s, rc, err);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, timeout_ms);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    /* A file may come from anywhere: nothing in its schema is to run. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return FM_OK;
}

/* temp_store: what a VACUUM copies must not reach a disk outside the gallery's folder */
static fm_status configure(const fmi_sqlite *s, fm_error *err)
{
    return fmi_sqlite_exec(s,
                           "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                           "PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON;"
                           "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=0",
                           err);
}

static void close_file(fmi_sqlite *s)
{
    sqlite3_close(s->db);
    s->db = NULL;
}

/* --- creating --- */

static fm_status put_meta(const fmi_sqlite *s, const char *key, const char *text, int64_t number,
                          fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status =
        fmi_sqlite_prepare(s, &stmt, "INSERT INTO meta (key, value) VALUES (?, ?)", err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    if (text)
        sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(stmt, 2, number);
    status = fmi_sqlite_run(s, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}

static fm_status put_pin(const fmi_sqlite *s, const fmi_pin *pin, fm_error *err)
{
    fm_status status = put_meta(s, "model_id", pin->model_id, 0, err);
    if (status == FM_OK)
        status = put_meta(s, "model_name", pin->model_name, 0, err);
    if (status == FM_OK)
        status = put_meta(s, "dim", NULL, pin->dim, err);
    if (status == FM_OK)
        status = put_meta(s, "metric", NULL, pin->metric, err);
    if (status == FM_OK)
        status = put_meta(s, "created_ms", NULL, fmi_sqlite_now_ms(), err);
    if (status == FM_OK)
        status = put_meta(s, "rewrites", NULL, 0, err);
    if (status == FM_OK)
        status = put_meta(s, "scrubbed", NULL, 0, err);
    return status;
}

fm_status fmi_sqlite_set_version(const fmi_sqlite *s, bool sealed, fm_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", sealed ? SEALED_VERSION : PLAIN_VERSION);
    return fmi_sqlite_exec(s, sql, err);
}

static fm_status read_pin(fmi_sqlite *s, fm_error *err);

static fm_status seal_new_file(fmi_sqlite *s, const fm_gallery_key *key, fm_error *err)
{
    fm_status status = read_pin(s, err);
    return status == FM_OK ? fmi_sealed_create(s, key, err) : status;
}

static fm_status fill_new_file(fmi_sqlite *s, const fmi_store_config *config, fm_error *err)
{
    char sql[64];
    fm_status status = configure(s, err);
    if (status == FM_OK)
        status = fmi_sqlite_exec(s, "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE", err);
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d", APPLICATION_ID);
    if (status == FM_OK)
        status = fmi_sqlite_exec(s, sql, err);
    if (status == FM_OK)
        status = fmi_sqlite_set_version(s, config->key != NULL, err);
    for (size_t i = 0; i < SCHEMA_ITEMS && status == FM_OK; i++)
        status = fmi_sqlite_exec(s, schema[i].sql, err);
    if (status == FM_OK)
        status = put_pin(s, config->pin, err);
    if (status == FM_OK && config->key)
        status = seal_new_file(s, config->key, err);
    if (status == FM_OK)
        status = fmi_sqlite_commit(s, err);
    if (status == FM_OK)
        status = fmi_sqlite_exec(s, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    return status;
}

/* Readable by its owner alone: it holds biometric data. */
static fm_status make_draft(const char *path, char **out, fm_error *err)
{
    size_t size = strlen(path) + 32;
    char *name = fmi_alloc(size);
    int fd = -1;
    if (!name)
        return fmi_fail_memory(err);
    for (int i = 0; i < NAME_TRIES && fd < 0; i++) {
        snprintf(name, size, "%s.new-%08x", path, (unsigned)randombytes_random());
        fd = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        int code = errno;
        fmi_free(name);
        return fmi_fail(err, code == EACCES || code == EROFS ? FM_E_PERMISSION : FM_E_IO,
                        "the gallery cannot be made: %s", strerror(code));
    }
    close(fd);
    *out = name;
    return FM_OK;
}

/* SQLite's companions of a file that was not closed in order */
static void remove_draft(const char *draft)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    size_t size = strlen(draft) + 16;
    char *name = fmi_alloc(size);
    unlink(draft);
    for (size_t i = 0; name && i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, size, "%s%s", draft, suffixes[i]);
        unlink(name);
    }
    fmi_free(name);
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = (size_t)(slash - path) + 2;
    char *folder = fmi_alloc(size);
    int fd;
    if (!folder)
        return;
    snprintf(folder, size, "%s", path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    fmi_free(folder);
}

/* Where there are no hard links (FAT) the name is looked at first and then taken. */
static int take_name(const char *draft, const char *path)
{
    struct stat info;
    if (link(draft, path) == 0 || errno == EEXIST)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return -1;
    return lstat(path, &info) == 0 ? 0 : rename(draft, path);
}

static fm_status create_file(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                             fm_error *err)
{
    char *draft = NULL;
    fm_status status = make_draft(path, &draft, err);
    if (status != FM_OK)
        return fmi_fail_context(err, status, "%s", s->path);
    status = open_file(s, draft, SQLITE_OPEN_READWRITE, config->timeout_ms, err);
    if (status == FM_OK)
        status = fill_new_file(s, config, err);
    close_file(s);
    if (status == FM_OK && take_name(draft, path) != 0)
        status = fmi_fail(err, FM_E_IO, "%s: %s", s->path, strerror(errno));
    remove_draft(draft);
    fmi_free(draft);
    if (status == FM_OK)
        sync_folder(path);
    return status;
}

/* --- checking what is there --- */

static fm_status check_version(const fmi_sqlite *s, bool *sealed, fm_error *err)
{
    int64_t application = 0, version = 0;
    fm_status status = fmi_sqlite_integer(s, "PRAGMA application_id", &application, err);
    if (status == FM_OK)
        status = fmi_sqlite_integer(s, "PRAGMA user_version", &version, err);
    if (status != FM_OK)
        return status;
    *sealed = version == SEALED_VERSION;
    if (application != APPLICATION_ID || version < 1)
        return fmi_fail(err, FM_E_CORRUPT, "%s is not a gallery", s->path);
    if (version > SCHEMA_VERSION)
        return fmi_fail(err, FM_E_VERSION,
                        "%s is a gallery of format %lld, this library knows up to %d", s->path,
                        (long long)version, SCHEMA_VERSION);
    return FM_OK;
}

static bool is_ours(const char *name, const char *sql)
{
    for (size_t i = 0; i < SCHEMA_ITEMS; i++)
        if (name && sql && !strcmp(name, schema[i].name))
            return !strcmp(sql, schema[i].sql);
    return false;
}

static fm_status check_schema(const fmi_sqlite *s, fm_error *err)
{
    sqlite3_stmt *stmt;
    size_t items = 0;
    bool row = true;
    fm_status status = fmi_sqlite_prepare(
        s, &stmt,
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'", err);
    if (status != FM_OK)
        return status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        if (!is_ours((const char *)sqlite3_column_text(stmt, 0),
                     (const char *)sqlite3_column_text(stmt, 1)))
            break;
        items++;
    }
    sqlite3_finalize(stmt);
    if (status == FM_OK && (row || items != SCHEMA_ITEMS))
        return fmi_sqlite_corrupt(s, "the tables are not those of a gallery", err);
    return status;
}

static fm_status get_meta_text(const fmi_sqlite *s, const char *sql, char *out, size_t max,
                               fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_prepare(s, &stmt, sql, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK)
        status = row ? fmi_sqlite_text(s, stmt, 0, out, max, err)
                     : fmi_sqlite_corrupt(s, "the model's name is missing", err);
    sqlite3_finalize(stmt);
    return status;
}

static bool is_model_id(const char *text)
{
    return strlen(text) == FM_MODEL_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == strlen(text);
}

static fm_status read_pin(fmi_sqlite *s, fm_error *err)
{
    fmi_pin *pin = &s->base.pin;
    int64_t dim = 0, metric = 0;
    fm_status status = get_meta_text(s, "SELECT value FROM meta WHERE key='model_id'",
                                     pin->model_id, sizeof pin->model_id - 1, err);
    if (status == FM_OK)
        status = get_meta_text(s, "SELECT value FROM meta WHERE key='model_name'", pin->model_name,
                               sizeof pin->model_name - 1, err);
    if (status == FM_OK)
        status = fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key='dim'", &dim, err);
    if (status == FM_OK)
        status = fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key='metric'", &metric, err);
    if (status == FM_OK)
        status = fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key='created_ms'",
                                    &pin->created_ms, err);
    if (status != FM_OK)
        return status;
    if (!is_model_id(pin->model_id) || dim < 1 || dim > 65536 || metric < FM_METRIC_COSINE ||
        metric > FM_METRIC_SIAMESE)
        return fmi_sqlite_corrupt(s, "what it says about its model is impossible", err);
    pin->dim = (int32_t)dim;
    pin->metric = (fm_metric)metric;
    return FM_OK;
}

static fm_status check_file(fmi_sqlite *s, const fmi_store_config *config, fm_error *err)
{
    bool sealed = false;
    fm_status status = check_version(s, &sealed, err);
    if (status == FM_OK)
        status = configure(s, err);
    if (status == FM_OK)
        status = check_schema(s, err);
    if (status == FM_OK)
        status = read_pin(s, err);
    if (status == FM_OK)
        status = fmi_sealed_unlock(s, config->key, sealed, err);
    return status == FM_OK ? fmi_store_check_pin(&s->base, config->pin, err) : status;
}

/* --- opening --- */

/* The path as a URI: only what cannot be mistaken stays as it is. */
static char *immutable_uri(const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    static const char tail[] = "?immutable=1";
    char *uri = fmi_alloc(5 + 3 * strlen(path) + sizeof tail), *end = uri;
    if (!uri)
        return NULL;
    end += sprintf(end, "file:");
    for (const char *p = path; *p; p++)
        end += sprintf(end, strchr(plain, *p) ? "%c" : "%%%02X", (unsigned char)*p);
    memcpy(end, tail, sizeof tail);
    return uri;
}

static bool has_log(const char *path)
{
    size_t size = strlen(path) + 8;
    char *name = fmi_alloc(size);
    struct stat info;
    bool found = true; /* when in doubt */
    if (name) {
        snprintf(name, size, "%s-wal", path);
        found = stat(name, &info) == 0 ? info.st_size > 0 : errno != ENOENT;
    }
    fmi_free(name);
    return found;
}

/* SQLite's readers of a write-ahead log share a small file beside the gallery. In a folder where
 * that cannot be made, SQLite reads only what it is told never changes. Nobody without more rights
 * than we have can change it; who has them must not while it is open here. What is in a log would
 * be missed, so there must be none. */
static fm_status open_immutable(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                                fm_error *err)
{
    char *uri;
    fm_status status;
    close_file(s);
    if (has_log(path))
        return fmi_fail(err, FM_E_PERMISSION,
                        "%s has writes in its log (-wal) that cannot be read in a read-only "
                        "folder: open it for writing once, elsewhere or with more rights",
                        s->path);
    uri = immutable_uri(path);
    if (!uri)
        return fmi_fail_memory(err);
    status = open_file(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, config->timeout_ms, err);
    fmi_free(uri);
    return status == FM_OK ? check_file(s, config, err) : status;
}

static fm_status open_read_only(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                                fm_error *err)
{
    fm_status status = open_file(s, path, SQLITE_OPEN_READONLY, config->timeout_ms, err);
    int rc;
    if (status == FM_OK)
        status = check_file(s, config, err);
    rc = s->db ? sqlite3_errcode(s->db) & 0xFF : SQLITE_OK;
    if (status != FM_OK && (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY))
        return open_immutable(s, path, config, err);
    return status;
}

/* Not a reason to refuse the gallery: it is in order, and the next one to open it will try again.
 */
static void finish_removals(const fmi_sqlite *s)
{
    fm_error err = {.struct_size = sizeof err};
    if (fmi_sqlite_resume_scrub(s, &err) != FM_OK)
        fmi_log(FM_LOG_WARNING, "gallery",
                "copies of what was removed may remain in the file or its log: %s", err.message);
}

static fm_status open_for_writing(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                                  fm_error *err)
{
    fm_status status = open_file(s, path, SQLITE_OPEN_READWRITE, config->timeout_ms, err);
    if (status == FM_OK)
        status = check_file(s, config, err);
    if (status == FM_OK && sqlite3_db_readonly(s->db, "main") == 1)
        status = fmi_fail(err, FM_E_PERMISSION,
                          "%s may not be written: open it with FM_GALLERY_READ_ONLY", s->path);
    if (status == FM_OK)
        finish_removals(s);
    return status;
}

/* Is there a file? A new one is made where that is wanted. */
static fm_status find_file(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                           fm_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISREG(info.st_mode))
            return FM_OK;
        return fmi_fail(err, FM_E_IO, "%s is not a file", s->path);
    }
    if (errno != ENOENT)
        return fmi_fail(err, FM_E_IO, "%s: %s", s->path, strerror(errno));
    if (config->mode != FM_GALLERY_CREATE)
        return fmi_fail(err, FM_E_NOT_FOUND, "%s does not exist", s->path);
    if (!config->pin)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%s does not exist, and without a model none can be made", s->path);
    return create_file(s, path, config, err);
}

/* SQLite says of both only that it failed. */
static void name_missing_right(const fmi_sqlite *s, const char *path, fm_status status,
                               fm_error *err)
{
    int rc = s->db ? sqlite3_errcode(s->db) & 0xFF : SQLITE_OK;
    if (rc == SQLITE_CANTOPEN && access(path, R_OK) != 0)
        fmi_fail(err, status, "%s: cannot be read: %s", s->path, strerror(errno));
    else if (rc == SQLITE_READONLY)
        fmi_fail(err, status, "%s may not be written: open it with FM_GALLERY_READ_ONLY", s->path);
}

fm_status fmi_sqlite_connect(fmi_sqlite *s, const fmi_store_config *config, fm_error *err)
{
    char *path = plain_path(s->path);
    fm_status status;
    if (!path)
        return fmi_fail_memory(err);
    status = find_file(s, path, config, err);
    if (status == FM_OK && config->mode == FM_GALLERY_READ_ONLY)
        status = open_read_only(s, path, config, err);
    else if (status == FM_OK)
        status = open_for_writing(s, path, config, err);
    if (status == FM_E_CORRUPT && s->db && (sqlite3_errcode(s->db) & 0xFF) == SQLITE_NOTADB)
        fmi_fail(err, FM_E_CORRUPT, "%s is not a gallery", s->path);
    else if (status == FM_E_IO || status == FM_E_PERMISSION)
        name_missing_right(s, path, status, err);
    fmi_free(path);
    return status;
}
