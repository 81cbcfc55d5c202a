#include "commands.h"
#include "help.h"
#include "output.h"

int cmd_version(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_build_info info = {.struct_size = sizeof info};
    if (fm_build_info_get(&info, &err) != FM_OK) {
        out_library_error(NULL, &err);
        return ANSWER_ERROR;
    }
    if (opts->json) {
        out_json(json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:b}", "version", info.version, "abi_version",
                           info.abi_version, "backend", info.backend, "backend_version",
                           info.backend_version, "compiler", info.compiler, "git_id", info.git_id,
                           "bfloat16", info.bfloat16));
    } else {
        out_line("facematch %s (ABI %d, commit %s, built with %s)", info.version, info.abi_version,
                 info.git_id, info.compiler);
        out_line("%s %s, %s bfloat16 on this machine", info.backend, info.backend_version,
                 info.bfloat16 ? "with" : "without");
    }
    return ANSWER_YES;
}

int cmd_help(const options *opts)
{
    if (opts->completion)
        help_completion();
    else if (opts->man)
        help_man();
    else
        return help_show(opts->args, opts->args_count);
    return ANSWER_YES;
}
