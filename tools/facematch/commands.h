/* The commands, one function each; every one answers with an exit status. */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

#include "options.h"

int cmd_detect(const options *opts);
int cmd_embed(const options *opts);
int cmd_verify(const options *opts);
int cmd_enroll(const options *opts);
int cmd_identify(const options *opts);
int cmd_gallery_info(const options *opts);
int cmd_gallery_list(const options *opts);
int cmd_gallery_show(const options *opts);
int cmd_gallery_remove(const options *opts);
int cmd_gallery_export(const options *opts);
int cmd_gallery_import(const options *opts);
int cmd_gallery_compact(const options *opts);
int cmd_gallery_rekey(const options *opts);
int cmd_gallery_shard(const options *opts);
int cmd_evaluate_pairs(const options *opts);
int cmd_evaluate_all_pairs(const options *opts);
int cmd_evaluate_identify(const options *opts);
int cmd_evaluate_pad(const options *opts);
int cmd_calibrate(const options *opts);
int cmd_train(const options *opts);
int cmd_liveness(const options *opts);
int cmd_models(const options *opts);
int cmd_bench(const options *opts);
int cmd_version(const options *opts);
int cmd_help(const options *opts);

#endif
