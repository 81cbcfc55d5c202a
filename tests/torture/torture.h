/* What the torture programs share. They end with 0, or print what went wrong and end with 1. */
#ifndef TORTURE_H
#define TORTURE_H

#include <facematch/facematch.h>
#include <stdint.h>

enum { DIM = 128, TIMEOUT_MS = 60000 };

_Noreturn void torture_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            torture_fail(__VA_ARGS__);                                                             \
    } while (0)
/* The status must be FM_OK. */
void torture_ok(fm_status status, const fm_error *err, const char *what);

double torture_now(void); /* seconds */
uint64_t torture_random(uint64_t *state);

const fm_model *torture_model(void); /* the same each time; never freed */
fm_gallery *torture_open(const char *path, fm_gallery_mode mode);
/* A direction of its own for each number, of length 1. */
void torture_vector(float out[DIM], uint64_t number);
/* The best match that is as good as equal, or "". */
void torture_who(fm_gallery *gallery, const float *vector, char out[FM_ID_MAX + 1],
                 int64_t *template_id);

typedef struct torture_folder {
    char path[64];    /* of the folder */
    char gallery[96]; /* the name of a gallery in it */
} torture_folder;
void torture_folder_make(torture_folder *folder);
void torture_folder_empty(const torture_folder *folder);
void torture_folder_remove(const torture_folder *folder);

/* What SQLite itself says about the file. */
void torture_integrity(const char *path);

/* vfs.c: SQLite's files with a trap in them, for this process and its children. */
typedef enum torture_trap {
    TRAP_NONE,
    TRAP_KILL,  /* SIGKILL in the middle of the step */
    TRAP_POWER, /* the same, and what was not flushed to the disk is lost in part */
    TRAP_FULL,  /* from this step on the disk is full */
    TRAP_IO     /* this step fails */
} torture_trap;
void torture_vfs_install(void);
/* The trap springs at the step with this number, counted from now: a write, flush, truncation,
 * deletion or change of a lock. */
void torture_vfs_arm(torture_trap trap, long step, uint64_t seed);
long torture_vfs_steps(void);        /* since it was armed */
int torture_vfs_has_unflushed(void); /* bytes that a power cut could take */

#endif
