/* facematch: the command line of libfacematch. */
#include <facematch/facematch.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "keys.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "search.h"

static int run(const options *opts)
{
    if (opts->help)
        return help_show(opts->args, opts->args_count);
    if (!search_check(opts))
        return ANSWER_ERROR;
    opened_with.key_file = opts->key_file;
    opened_with.passphrase_file = opts->passphrase_file;
    int answer = opts->command->run(opts);
    key_wipe(&opened_with);
    return answer;
}

int main(int argc, char **argv)
{
    options opts;
    bar_guard_signals();
    if (fm_abi_version() != FM_ABI_VERSION) {
        out_error(NULL, FM_E_VERSION, "the library has ABI %d, this program needs %d",
                  fm_abi_version(), FM_ABI_VERSION);
        return out_end(ANSWER_ERROR);
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        argv[1] = "version";
    if (!options_parse(argc, argv, &opts))
        return out_end(ANSWER_ERROR);
    int answer = run(&opts);
    options_free(&opts);
    return out_end(answer);
}
