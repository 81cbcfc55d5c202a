/* Files written and read piece by piece. Both ends are tables of functions, so that something that
 * encrypts can be put between the file and its user. What passes through is wiped. */
#ifndef FMI_STREAM_H
#define FMI_STREAM_H

#include <facematch/status.h>
#include <stdbool.h>

typedef struct fmi_sink fmi_sink;
struct fmi_sink {
    fm_status (*write)(fmi_sink *sink, const void *bytes, size_t size, fm_error *err);
    /* All that was written is on the disk, under its name. Once, after the last write. */
    fm_status (*finish)(fmi_sink *sink, fm_error *err);
    /* Without finish before: nothing is left behind. */
    void (*close)(fmi_sink *sink);
};

typedef struct fmi_source fmi_source;
struct fmi_source {
    /* *got is 0 at the end only. */
    fm_status (*read)(fmi_source *source, void *out, size_t room, size_t *got, fm_error *err);
    void (*close)(fmi_source *source);
    uint64_t size; /* in bytes; 0: not known, as of a pipe */
};

/* A file that only its owner may read, written beside `path` and renamed over it by finish; what is
 * no file (a pipe, a terminal) is written to directly. Messages name the path, which must outlive
 * the sink. FM_E_IO, FM_E_INVALID_ARGUMENT, FM_E_NO_MEMORY. */
fm_status fmi_sink_file(fmi_sink **out, const char *path, fm_error *err);

/* FM_E_NOT_FOUND, FM_E_IO, FM_E_NO_MEMORY; messages name the path, which must outlive the source.
 */
fm_status fmi_source_file(fmi_source **out, const char *path, fm_error *err);

/* The lines of a source, one at a time. */
typedef struct fmi_lines {
    fmi_source *source; /* not owned */
    size_t limit;       /* most bytes of a line; may be changed between lines */
    int64_t number;     /* of the line that was read last, from 1 */
    int64_t bytes;      /* read of the source */
    char *buffer;
    size_t capacity, used, at;
    bool ended;
} fmi_lines;

/* The next line without its end, valid until the next call; *line is NULL at the end. FM_E_LIMIT
 * when it is too long, else as the source. */
fm_status fmi_lines_next(fmi_lines *lines, const char **line, size_t *size, fm_error *err);
void fmi_lines_dispose(fmi_lines *lines);

#endif
