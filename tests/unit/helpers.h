/* Shared by the unit tests. */
#ifndef FM_TEST_HELPERS_H
#define FM_TEST_HELPERS_H

#include <facematch/transfer.h>

/* Fails when any |got - want| > atol + rtol * |want|, or one of the two is NaN; prints the worst.
 */
void fm_assert_floats_near(const float *got, const float *want, size_t n, double atol, double rtol);

/* Fails with the error's text when the status is another. */
void fm_assert_status(fm_status got, fm_status want, const fm_error *err);

/* Fails when the message lacks `part`. */
void fm_assert_message(const fm_error *err, const char *part);

/* A new folder for files of a test (place.h), and its removal with all files directly inside. */
typedef struct fm_test_folder {
    char path[128];
} fm_test_folder;

int fm_test_folder_make(fm_test_folder *folder); /* 0, or -1 */
void fm_test_folder_remove(const fm_test_folder *folder);
size_t fm_test_folder_count(const fm_test_folder *folder); /* files inside, hidden ones too */
const char *fm_test_path(char *out, size_t size, const fm_test_folder *folder, const char *name);
void fm_test_write_file(const char *path, const void *bytes, size_t size);

/* Galleries on PostgreSQL instead of in files: *server is NULL but when the environment variable
 * FACEMATCH_POSTGRES has its URI (then the answer is 1), and *shards but when
 * FACEMATCH_POSTGRES_SHARDS has those of others, with blanks between them. */
int fm_test_servers(const char **server, const char **shards);
/* Where a gallery of that name can be made: in the folder, or on the server, as a new one. */
void fm_test_gallery(char *out, size_t size, const fm_test_folder *folder, const char *name,
                     const char *server);
/* Make the gallery, and shard it before it is used; a no-op without shards or a model, and when
 * this was done before. */
fm_status fm_test_shard(const char *uri, const fm_model *model, const char *shards, fm_error *err);

/* n, or fewer where FM_TEST_FEW is set: under valgrind, which takes 30 times as long, and is asked
 * about memory, not about files that have seen much. */
uint32_t fm_test_many(uint32_t n, uint32_t few);

/* The next number of a fixed sequence; start with any *state. */
uint32_t fm_test_random(uint32_t *state);

#endif
