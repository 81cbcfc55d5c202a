/* Replays a corpus without libFuzzer: every argument is a file, or a folder of files. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    uint8_t *data = NULL;
    int ok = 0;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size >= 0 && fseek(file, 0, SEEK_SET) == 0)
        data =
            malloc(size > 0 ? (size_t)size : 1); /* exactly as long, so that ASan sees overreads */
    if (data && fread(data, 1, (size_t)size, file) == (size_t)size) {
        LLVMFuzzerTestOneInput(data, (size_t)size);
        ok = 1;
    }
    if (file)
        fclose(file);
    free(data);
    return ok;
}

static size_t replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t count = 0;
    while (dir && (entry = readdir(dir)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count += (size_t)replay_file(path);
    }
    if (dir)
        closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0) {
            fprintf(stderr, "%s: no such file\n", argv[i]);
            return 2;
        }
        count += S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : (size_t)replay_file(argv[i]);
    }
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 2; /* an empty corpus tests nothing */
}
