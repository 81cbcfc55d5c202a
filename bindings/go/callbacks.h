/* Calls from C back into Go. What Go keeps is passed as the number of a cgo.Handle. */
#ifndef FACEMATCH_GO_CALLBACKS_H
#define FACEMATCH_GO_CALLBACKS_H

#include <facematch/facematch.h>

void facematch_go_listen(uintptr_t listener, int32_t min_level); /* 0: nobody */
void facematch_go_progress(fm_transfer_options *options, uintptr_t progress);
void facematch_go_key(fm_gallery_key *key, uintptr_t source);
void facematch_go_hear(fm_trainer_options *options, uintptr_t listener);
fm_status facematch_go_epoch(fm_trainer *trainer, uintptr_t progress, fm_error *err);

#endif
