/* Prints what a compiled program knows of the headers: the size of every type, the offset and size
 * of every field, the value of every constant. tests/abi/layout.txt is this output as it was
 * released: a change to it must only append, or FM_ABI_VERSION must rise. */
#include <facematch/facematch.h>
#include <stdio.h>

#define TYPE(type)     printf("%s size %zu\n", #type, sizeof(type))
#define CONSTANT(name) printf("%s %lld\n", #name, (long long)(name))
#define FIELD(type, name)                                                                          \
    printf("%s.%s offset %zu size %zu\n", #type, #name, offsetof(type, name),                      \
           sizeof(((type *)0)->name))

static void print_status(void)
{
    TYPE(fm_status);
    CONSTANT(FM_OK);
    CONSTANT(FM_E_INTERNAL);
    CONSTANT(FM_E_INVALID_ARGUMENT);
    CONSTANT(FM_E_NO_MEMORY);
    CONSTANT(FM_E_BUFFER_TOO_SMALL);
    CONSTANT(FM_E_NOT_FOUND);
    CONSTANT(FM_E_IO);
    CONSTANT(FM_E_CORRUPT);
    CONSTANT(FM_E_VERSION);
    CONSTANT(FM_E_UNSUPPORTED);
    CONSTANT(FM_E_BACKEND);
    CONSTANT(FM_E_DEVICE);
    CONSTANT(FM_E_LIMIT);
    CONSTANT(FM_E_CANCELED);
    CONSTANT(FM_E_STATE);
    CONSTANT(FM_E_MODEL_MISMATCH);
    CONSTANT(FM_E_PERMISSION);
    CONSTANT(FM_E_EXISTS);
    CONSTANT(FM_E_BUSY);
    CONSTANT(FM_E_REFUSED);
    CONSTANT(FM_E_TRAINING);
    CONSTANT(FM_E_NOT_LIVE);
    CONSTANT(FM_ERROR_MESSAGE_MAX);
    TYPE(fm_error);
    FIELD(fm_error, struct_size);
    FIELD(fm_error, status);
    FIELD(fm_error, message);
}

static void print_version(void)
{
    CONSTANT(FM_VERSION_MAJOR);
    CONSTANT(FM_VERSION_MINOR);
    CONSTANT(FM_VERSION_PATCH);
    CONSTANT(FM_ABI_VERSION);
    TYPE(fm_build_info);
    FIELD(fm_build_info, struct_size);
    FIELD(fm_build_info, abi_version);
    FIELD(fm_build_info, version);
    FIELD(fm_build_info, backend);
    FIELD(fm_build_info, backend_version);
    FIELD(fm_build_info, compiler);
    FIELD(fm_build_info, git_id);
    FIELD(fm_build_info, bfloat16);
}

static void print_log(void)
{
    CONSTANT(FM_LOG_DEBUG);
    CONSTANT(FM_LOG_INFO);
    CONSTANT(FM_LOG_WARNING);
    CONSTANT(FM_LOG_ERROR);
}

static void print_image(void)
{
    TYPE(fm_pixel_format);
    CONSTANT(FM_PIXEL_RGB8);
    CONSTANT(FM_PIXEL_BGR8);
    CONSTANT(FM_PIXEL_RGBA8);
    CONSTANT(FM_PIXEL_BGRA8);
    CONSTANT(FM_PIXEL_GRAY8);
    TYPE(fm_image_options);
    FIELD(fm_image_options, struct_size);
    FIELD(fm_image_options, reserved);
    FIELD(fm_image_options, max_bytes);
    FIELD(fm_image_options, max_pixels);
    TYPE(fm_image_info);
    FIELD(fm_image_info, struct_size);
    FIELD(fm_image_info, width_px);
    FIELD(fm_image_info, height_px);
    FIELD(fm_image_info, format);
    FIELD(fm_image_info, orientation);
    FIELD(fm_image_info, reserved);
}

static void print_model(void)
{
    TYPE(fm_model_kind);
    TYPE(fm_model_family);
    TYPE(fm_metric);
    CONSTANT(FM_MODEL_EMBEDDER);
    CONSTANT(FM_MODEL_DETECTOR);
    CONSTANT(FM_MODEL_LIVENESS);
    CONSTANT(FM_FAMILY_SOFTMAX);
    CONSTANT(FM_FAMILY_TRIPLET);
    CONSTANT(FM_FAMILY_BUNDLE);
    CONSTANT(FM_METRIC_COSINE);
    CONSTANT(FM_METRIC_EUCLIDEAN);
    CONSTANT(FM_METRIC_SQEUCLIDEAN);
    CONSTANT(FM_METRIC_INNER_PRODUCT);
    CONSTANT(FM_METRIC_CHI_SQUARED);
    CONSTANT(FM_METRIC_SIAMESE);
    CONSTANT(FM_MODEL_ID_SIZE);
    TYPE(fm_model_options);
    FIELD(fm_model_options, struct_size);
    FIELD(fm_model_options, reserved);
    FIELD(fm_model_options, max_bytes);
    FIELD(fm_model_options, manifest_json);
    FIELD(fm_model_options, allowed_ids);
    FIELD(fm_model_options, allowed_ids_count);
    TYPE(fm_model_info);
    FIELD(fm_model_info, struct_size);
    FIELD(fm_model_info, kind);
    FIELD(fm_model_info, family);
    FIELD(fm_model_info, metric);
    FIELD(fm_model_info, dim);
    FIELD(fm_model_info, input_width_px);
    FIELD(fm_model_info, input_height_px);
    FIELD(fm_model_info, normalized);
    FIELD(fm_model_info, id);
    FIELD(fm_model_info, name);
    FIELD(fm_model_info, source);
    FIELD(fm_model_info, license);
    FIELD(fm_model_info, training_data);
    FIELD(fm_model_info, calibration_dataset);
    FIELD(fm_model_info, calibration_comparisons);
    FIELD(fm_model_info, calibration_min_fmr);
}

static void print_session(void)
{
    TYPE(fm_precision);
    TYPE(fm_selection);
    CONSTANT(FM_PRECISION_FLOAT32);
    CONSTANT(FM_PRECISION_BFLOAT16);
    CONSTANT(FM_SELECT_LARGEST);
    CONSTANT(FM_SELECT_MOST_CENTRAL);
    CONSTANT(FM_SELECT_HIGHEST_SCORE);
    CONSTANT(FM_SELECT_PROMINENT);
    TYPE(fm_session_options);
    FIELD(fm_session_options, struct_size);
    FIELD(fm_session_options, precision);
    FIELD(fm_session_options, detector);
    FIELD(fm_session_options, threads);
    FIELD(fm_session_options, flip);
    FIELD(fm_session_options, min_face_px);
    FIELD(fm_session_options, max_faces);
    FIELD(fm_session_options, selection);
    FIELD(fm_session_options, min_score);
    FIELD(fm_session_options, liveness);
}

static void print_face(void)
{
    CONSTANT(FM_POINT_LEFT_EYE);
    CONSTANT(FM_POINT_RIGHT_EYE);
    CONSTANT(FM_POINT_NOSE_TIP);
    CONSTANT(FM_POINT_LEFT_MOUTH);
    CONSTANT(FM_POINT_RIGHT_MOUTH);
    CONSTANT(FM_POINT_COUNT);
    TYPE(fm_face);
    FIELD(fm_face, x);
    FIELD(fm_face, y);
    FIELD(fm_face, width);
    FIELD(fm_face, height);
    FIELD(fm_face, score);
    FIELD(fm_face, points);
}

static void print_embed(void)
{
    CONSTANT(FM_LIMIT_BATCH);
}

static void print_compare(void)
{
    TYPE(fm_verify_options);
    FIELD(fm_verify_options, struct_size);
    FIELD(fm_verify_options, use_threshold);
    FIELD(fm_verify_options, fmr);
    FIELD(fm_verify_options, threshold);
    FIELD(fm_verify_options, aligned);
    FIELD(fm_verify_options, extrapolate);
    FIELD(fm_verify_options, liveness);
    FIELD(fm_verify_options, liveness_options);
    TYPE(fm_verification);
    FIELD(fm_verification, struct_size);
    FIELD(fm_verification, match);
    FIELD(fm_verification, score);
    FIELD(fm_verification, threshold);
    FIELD(fm_verification, fmr);
    FIELD(fm_verification, fmr_low);
    FIELD(fm_verification, fmr_high);
    FIELD(fm_verification, threshold_fmr);
    FIELD(fm_verification, threshold_fmr_low);
    FIELD(fm_verification, threshold_fmr_high);
    FIELD(fm_verification, threshold_fnmr);
    FIELD(fm_verification, liveness);
}

static void print_gallery(void)
{
    TYPE(fm_gallery_mode);
    CONSTANT(FM_GALLERY_CREATE);
    CONSTANT(FM_GALLERY_EXISTING);
    CONSTANT(FM_GALLERY_READ_ONLY);
    TYPE(fm_gallery_index);
    CONSTANT(FM_INDEX_EXACT);
    CONSTANT(FM_INDEX_HNSW);
    CONSTANT(FM_ID_MAX);
    CONSTANT(FM_DISPLAY_NAME_MAX);
    CONSTANT(FM_LABEL_MAX);
    CONSTANT(FM_METADATA_MAX);
    CONSTANT(FM_LIMIT_SHARDS);
    CONSTANT(FM_LIMIT_TEMPLATES);
    CONSTANT(FM_LIMIT_MATCHES);
    CONSTANT(FM_GALLERY_KEY_SIZE);
    CONSTANT(FM_PASSPHRASE_MAX);
    TYPE(fm_gallery_key);
    FIELD(fm_gallery_key, struct_size);
    FIELD(fm_gallery_key, reserved);
    FIELD(fm_gallery_key, bytes);
    FIELD(fm_gallery_key, size);
    FIELD(fm_gallery_key, passphrase);
    FIELD(fm_gallery_key, callback);
    FIELD(fm_gallery_key, user);
    TYPE(fm_gallery_options);
    FIELD(fm_gallery_options, struct_size);
    FIELD(fm_gallery_options, mode);
    FIELD(fm_gallery_options, timeout_ms);
    FIELD(fm_gallery_options, threads);
    FIELD(fm_gallery_options, index);
    FIELD(fm_gallery_options, reserved);
    FIELD(fm_gallery_options, key);
    TYPE(fm_gallery_info);
    FIELD(fm_gallery_info, struct_size);
    FIELD(fm_gallery_info, dim);
    FIELD(fm_gallery_info, identities);
    FIELD(fm_gallery_info, templates);
    FIELD(fm_gallery_info, created_ms);
    FIELD(fm_gallery_info, model_id);
    FIELD(fm_gallery_info, model_name);
    FIELD(fm_gallery_info, sealed);
    TYPE(fm_identity);
    FIELD(fm_identity, id);
    FIELD(fm_identity, display_name);
    FIELD(fm_identity, created_ms);
    FIELD(fm_identity, updated_ms);
    FIELD(fm_identity, templates);
    FIELD(fm_identity, reserved);
    TYPE(fm_template);
    FIELD(fm_template, template_id);
    FIELD(fm_template, created_ms);
    FIELD(fm_template, quality);
    FIELD(fm_template, label);
    FIELD(fm_template, reserved);
    TYPE(fm_enroll_options);
    FIELD(fm_enroll_options, struct_size);
    FIELD(fm_enroll_options, aligned);
    FIELD(fm_enroll_options, display_name);
    FIELD(fm_enroll_options, metadata_json);
    FIELD(fm_enroll_options, label);
    FIELD(fm_enroll_options, has_quality);
    FIELD(fm_enroll_options, quality);
    FIELD(fm_enroll_options, gate);
    FIELD(fm_enroll_options, report);
    FIELD(fm_enroll_options, liveness_options);
    FIELD(fm_enroll_options, liveness);
    FIELD(fm_enroll_options, reserved);
    TYPE(fm_enrollment);
    FIELD(fm_enrollment, struct_size);
    FIELD(fm_enrollment, new_identity);
    FIELD(fm_enrollment, template_id);
    FIELD(fm_enrollment, templates);
    FIELD(fm_enrollment, face_count);
    FIELD(fm_enrollment, face);
    FIELD(fm_enrollment, liveness);
    TYPE(fm_score_rule);
    CONSTANT(FM_SCORE_BEST);
    CONSTANT(FM_SCORE_MEAN);
    TYPE(fm_identify_options);
    FIELD(fm_identify_options, struct_size);
    FIELD(fm_identify_options, use_threshold);
    FIELD(fm_identify_options, fpir);
    FIELD(fm_identify_options, threshold);
    FIELD(fm_identify_options, aligned);
    FIELD(fm_identify_options, score);
    FIELD(fm_identify_options, liveness);
    FIELD(fm_identify_options, liveness_options);
    TYPE(fm_match);
    FIELD(fm_match, id);
    FIELD(fm_match, fmr);
    FIELD(fm_match, template_id);
    FIELD(fm_match, score);
    FIELD(fm_match, rank);
    TYPE(fm_identification);
    FIELD(fm_identification, struct_size);
    FIELD(fm_identification, threshold);
    FIELD(fm_identification, fmr);
    FIELD(fm_identification, identities);
    FIELD(fm_identification, face_count);
    FIELD(fm_identification, face);
    FIELD(fm_identification, liveness);
}

static void print_transfer(void)
{
    TYPE(fm_existing);
    CONSTANT(FM_EXISTING_REFUSE);
    CONSTANT(FM_EXISTING_SKIP);
    CONSTANT(FM_EXISTING_MERGE);
    TYPE(fm_transfer_options);
    FIELD(fm_transfer_options, struct_size);
    FIELD(fm_transfer_options, on_existing);
    FIELD(fm_transfer_options, progress);
    FIELD(fm_transfer_options, user);
    FIELD(fm_transfer_options, key);
    TYPE(fm_transfer);
    FIELD(fm_transfer, struct_size);
    FIELD(fm_transfer, reserved);
    FIELD(fm_transfer, identities);
    FIELD(fm_transfer, templates);
    FIELD(fm_transfer, skipped);
    FIELD(fm_transfer, bytes);
}

static void print_quality(void)
{
    TYPE(fm_face_quality);
    FIELD(fm_face_quality, quality);
    FIELD(fm_face_quality, size_px);
    FIELD(fm_face_quality, eye_distance_px);
    FIELD(fm_face_quality, score);
    FIELD(fm_face_quality, sharpness);
    FIELD(fm_face_quality, brightness);
    FIELD(fm_face_quality, clipped);
    FIELD(fm_face_quality, yaw_deg);
    FIELD(fm_face_quality, pitch_deg);
    FIELD(fm_face_quality, roll_deg);
    FIELD(fm_face_quality, reserved);
    TYPE(fm_refusal);
    CONSTANT(FM_REFUSAL_NONE);
    CONSTANT(FM_REFUSAL_NO_FACE);
    CONSTANT(FM_REFUSAL_SEVERAL_FACES);
    CONSTANT(FM_REFUSAL_FACE_TOO_SMALL);
    CONSTANT(FM_REFUSAL_LOW_DETECTION_SCORE);
    CONSTANT(FM_REFUSAL_BLURRED);
    CONSTANT(FM_REFUSAL_TOO_DARK);
    CONSTANT(FM_REFUSAL_TOO_BRIGHT);
    CONSTANT(FM_REFUSAL_EXTREME_POSE);
    CONSTANT(FM_REFUSAL_LOOKS_LIKE_ANOTHER);
    CONSTANT(FM_REFUSAL_UNLIKE_ITSELF);
    TYPE(fm_gate_options);
    FIELD(fm_gate_options, struct_size);
    FIELD(fm_gate_options, off);
    FIELD(fm_gate_options, other_faces);
    FIELD(fm_gate_options, min_size_px);
    FIELD(fm_gate_options, min_score);
    FIELD(fm_gate_options, min_sharpness);
    FIELD(fm_gate_options, min_brightness);
    FIELD(fm_gate_options, max_brightness);
    FIELD(fm_gate_options, max_yaw_deg);
    FIELD(fm_gate_options, max_pitch_deg);
    FIELD(fm_gate_options, max_roll_deg);
    FIELD(fm_gate_options, use_scores);
    FIELD(fm_gate_options, another_score);
    FIELD(fm_gate_options, itself_score);
    FIELD(fm_gate_options, another_fpir);
    FIELD(fm_gate_options, itself_fmr);
    TYPE(fm_gate_report);
    FIELD(fm_gate_report, struct_size);
    FIELD(fm_gate_report, reason);
    FIELD(fm_gate_report, value);
    FIELD(fm_gate_report, limit);
    FIELD(fm_gate_report, face_count);
    FIELD(fm_gate_report, face);
    FIELD(fm_gate_report, quality);
    FIELD(fm_gate_report, other_id);
}

static void print_evaluate(void)
{
    CONSTANT(FM_LIMIT_FOLDS);
    CONSTANT(FM_LIMIT_PAIRS);
    TYPE(fm_pairs_report);
    FIELD(fm_pairs_report, struct_size);
    FIELD(fm_pairs_report, folds);
    FIELD(fm_pairs_report, pairs);
    FIELD(fm_pairs_report, genuine);
    FIELD(fm_pairs_report, impostor);
    FIELD(fm_pairs_report, undecided);
    FIELD(fm_pairs_report, accuracy);
    FIELD(fm_pairs_report, accuracy_sem);
    FIELD(fm_pairs_report, eer);
    FIELD(fm_pairs_report, eer_threshold);
    FIELD(fm_pairs_report, threshold);
}

static void print_evaluation(void)
{
    CONSTANT(FM_LIMIT_COMPARISONS);
    CONSTANT(FM_LIMIT_PEOPLE);
    TYPE(fm_rate);
    FIELD(fm_rate, value);
    FIELD(fm_rate, low);
    FIELD(fm_rate, high);
    FIELD(fm_rate, hits);
    FIELD(fm_rate, trials);
    TYPE(fm_failures);
    CONSTANT(FM_FAILURES_LEAVE_OUT);
    CONSTANT(FM_FAILURES_COUNT);
    TYPE(fm_evaluation_options);
    FIELD(fm_evaluation_options, struct_size);
    FIELD(fm_evaluation_options, failures);
    FIELD(fm_evaluation_options, confidence);
    TYPE(fm_evaluation_report);
    FIELD(fm_evaluation_report, struct_size);
    FIELD(fm_evaluation_report, people);
    FIELD(fm_evaluation_report, genuine);
    FIELD(fm_evaluation_report, impostor);
    FIELD(fm_evaluation_report, genuine_failed);
    FIELD(fm_evaluation_report, impostor_failed);
    FIELD(fm_evaluation_report, eer);
    FIELD(fm_evaluation_report, eer_low);
    FIELD(fm_evaluation_report, eer_high);
    FIELD(fm_evaluation_report, eer_threshold);
    FIELD(fm_evaluation_report, lowest);
    FIELD(fm_evaluation_report, highest);
    TYPE(fm_operating_point);
    FIELD(fm_operating_point, struct_size);
    FIELD(fm_operating_point, threshold);
    FIELD(fm_operating_point, fmr);
    FIELD(fm_operating_point, fnmr);
    TYPE(fm_calibration_options);
    FIELD(fm_calibration_options, struct_size);
    FIELD(fm_calibration_options, metric);
    FIELD(fm_calibration_options, dataset);
    TYPE(fm_det_point);
    FIELD(fm_det_point, fmr);
    FIELD(fm_det_point, fnmr);
    FIELD(fm_det_point, threshold);
    FIELD(fm_det_point, reserved);
}

static void print_train(void)
{
    TYPE(fm_loss);
    CONSTANT(FM_LOSS_TRIPLET);
    CONSTANT(FM_LOSS_SOFTMAX);
    CONSTANT(FM_LOSS_SIAMESE);
    CONSTANT(FM_LOSS_CHI_SQUARED);
    TYPE(fm_mining);
    CONSTANT(FM_MINING_BATCH_HARD);
    CONSTANT(FM_MINING_SEMI_HARD);
    CONSTANT(FM_MINING_ALL);
    TYPE(fm_reduction);
    CONSTANT(FM_REDUCTION_MEAN);
    CONSTANT(FM_REDUCTION_SUM);
    TYPE(fm_optimizer);
    CONSTANT(FM_OPTIMIZER_ADAM);
    CONSTANT(FM_OPTIMIZER_SGD);
    CONSTANT(FM_OPTIMIZER_ADAGRAD);
    TYPE(fm_schedule);
    CONSTANT(FM_SCHEDULE_COSINE);
    CONSTANT(FM_SCHEDULE_CONSTANT);
    CONSTANT(FM_SCHEDULE_STEP);
    TYPE(fm_role);
    CONSTANT(FM_ROLE_TRAIN);
    CONSTANT(FM_ROLE_VALIDATION);
    TYPE(fm_frame_class);
    CONSTANT(FM_FRAME_LIVE);
    CONSTANT(FM_FRAME_ATTACK);
    TYPE(fm_augmentation);
    FIELD(fm_augmentation, flip);
    FIELD(fm_augmentation, shift);
    FIELD(fm_augmentation, scale);
    FIELD(fm_augmentation, brightness);
    FIELD(fm_augmentation, contrast);
    FIELD(fm_augmentation, blur);
    TYPE(fm_finding_kind);
    CONSTANT(FM_FINDING_COLLAPSE);
    CONSTANT(FM_FINDING_EXPLOSION);
    CONSTANT(FM_FINDING_NO_ACTIVE);
    CONSTANT(FM_FINDING_SINGLE);
    CONSTANT(FM_FINDING_WRONG_LABEL);
    CONSTANT(FM_FINDING_OVERLAP);
    TYPE(fm_finding);
    FIELD(fm_finding, kind);
    FIELD(fm_finding, fatal);
    FIELD(fm_finding, person);
    FIELD(fm_finding, image);
    FIELD(fm_finding, other);
    FIELD(fm_finding, message);
    TYPE(fm_trainer_options);
    FIELD(fm_trainer_options, struct_size);
    FIELD(fm_trainer_options, loss);
    FIELD(fm_trainer_options, mining);
    FIELD(fm_trainer_options, reduction);
    FIELD(fm_trainer_options, margin);
    FIELD(fm_trainer_options, people_per_batch);
    FIELD(fm_trainer_options, photographs_per_person);
    FIELD(fm_trainer_options, epochs);
    FIELD(fm_trainer_options, steps_per_epoch);
    FIELD(fm_trainer_options, optimizer);
    FIELD(fm_trainer_options, learning_rate);
    FIELD(fm_trainer_options, momentum);
    FIELD(fm_trainer_options, weight_decay);
    FIELD(fm_trainer_options, schedule);
    FIELD(fm_trainer_options, schedule_epochs);
    FIELD(fm_trainer_options, patience);
    FIELD(fm_trainer_options, fresh);
    FIELD(fm_trainer_options, head_dim);
    FIELD(fm_trainer_options, freeze);
    FIELD(fm_trainer_options, freeze_count);
    FIELD(fm_trainer_options, augmentation);
    FIELD(fm_trainer_options, seed);
    FIELD(fm_trainer_options, device);
    FIELD(fm_trainer_options, threads);
    FIELD(fm_trainer_options, aligned);
    FIELD(fm_trainer_options, detector);
    FIELD(fm_trainer_options, on_finding);
    FIELD(fm_trainer_options, user);
    FIELD(fm_trainer_options, liveness);
    FIELD(fm_trainer_options, on_check);
    TYPE(fm_training_step);
    FIELD(fm_training_step, epoch);
    FIELD(fm_training_step, epochs);
    FIELD(fm_training_step, step);
    FIELD(fm_training_step, steps);
    FIELD(fm_training_step, loss);
    FIELD(fm_training_step, active);
    FIELD(fm_training_step, positive_distance);
    FIELD(fm_training_step, negative_distance);
    TYPE(fm_training_stats);
    FIELD(fm_training_stats, struct_size);
    FIELD(fm_training_stats, finished);
    FIELD(fm_training_stats, epoch);
    FIELD(fm_training_stats, epochs);
    FIELD(fm_training_stats, steps);
    FIELD(fm_training_stats, people);
    FIELD(fm_training_stats, photographs);
    FIELD(fm_training_stats, validation_people);
    FIELD(fm_training_stats, best_epoch);
    FIELD(fm_training_stats, validation_photographs);
    FIELD(fm_training_stats, loss);
    FIELD(fm_training_stats, active);
    FIELD(fm_training_stats, positive_distance);
    FIELD(fm_training_stats, negative_distance);
    FIELD(fm_training_stats, learning_rate);
    FIELD(fm_training_stats, eer);
    FIELD(fm_training_stats, best_eer);
    FIELD(fm_training_stats, first_eer);
    FIELD(fm_training_stats, validation_loss);
    FIELD(fm_training_stats, best_validation_loss);
    FIELD(fm_training_stats, first_validation_loss);
    TYPE(fm_trainer_save_options);
    FIELD(fm_trainer_save_options, struct_size);
    FIELD(fm_trainer_save_options, overwrite);
    FIELD(fm_trainer_save_options, name);
    FIELD(fm_trainer_save_options, license);
    FIELD(fm_trainer_save_options, source);
    FIELD(fm_trainer_save_options, training_data);
    FIELD(fm_trainer_save_options, dataset);
}

static void print_liveness(void)
{
    TYPE(fm_liveness_verdict);
    CONSTANT(FM_LIVENESS_NOT_CHECKED);
    CONSTANT(FM_LIVENESS_LIVE);
    CONSTANT(FM_LIVENESS_SPOOF);
    CONSTANT(FM_LIVENESS_UNCERTAIN);
    TYPE(fm_liveness_reason);
    CONSTANT(FM_LIVENESS_REASON_NONE);
    CONSTANT(FM_LIVENESS_REASON_TOO_SMALL);
    CONSTANT(FM_LIVENESS_REASON_CUT);
    CONSTANT(FM_LIVENESS_REASON_CROP);
    CONSTANT(FM_LIVENESS_REASON_BLURRED);
    CONSTANT(FM_LIVENESS_REASON_BETWEEN);
    CONSTANT(FM_LIVENESS_REASON_OTHER_FACE);
    CONSTANT(FM_LIVENESS_REASON_STILL);
    CONSTANT(FM_LIVENESS_REASON_TOO_FEW);
    TYPE(fm_liveness_policy);
    CONSTANT(FM_LIVENESS_OFF);
    CONSTANT(FM_LIVENESS_REPORT);
    CONSTANT(FM_LIVENESS_REQUIRE);
    CONSTANT(FM_LIMIT_LIVENESS_FRAMES);
    TYPE(fm_liveness_options);
    FIELD(fm_liveness_options, struct_size);
    FIELD(fm_liveness_options, use_thresholds);
    FIELD(fm_liveness_options, apcer);
    FIELD(fm_liveness_options, bpcer);
    FIELD(fm_liveness_options, live_score);
    FIELD(fm_liveness_options, spoof_score);
    FIELD(fm_liveness_options, min_size_px);
    FIELD(fm_liveness_options, min_inside);
    FIELD(fm_liveness_options, min_crop);
    FIELD(fm_liveness_options, min_sharpness);
    TYPE(fm_liveness_result);
    FIELD(fm_liveness_result, struct_size);
    FIELD(fm_liveness_result, verdict);
    FIELD(fm_liveness_result, reason);
    FIELD(fm_liveness_result, score);
    FIELD(fm_liveness_result, apcer);
    FIELD(fm_liveness_result, bpcer);
    FIELD(fm_liveness_result, live_threshold);
    FIELD(fm_liveness_result, spoof_threshold);
    FIELD(fm_liveness_result, value);
    FIELD(fm_liveness_result, limit);
    FIELD(fm_liveness_result, quality);
    FIELD(fm_liveness_result, face_count);
    FIELD(fm_liveness_result, face);
    TYPE(fm_liveness_summary);
    FIELD(fm_liveness_summary, verdict);
    FIELD(fm_liveness_summary, reason);
    FIELD(fm_liveness_summary, score);
    FIELD(fm_liveness_summary, reserved);
    TYPE(fm_liveness_sequence_options);
    FIELD(fm_liveness_sequence_options, struct_size);
    FIELD(fm_liveness_sequence_options, min_frames);
    FIELD(fm_liveness_sequence_options, max_frames);
    FIELD(fm_liveness_sequence_options, still_difference);
    FIELD(fm_liveness_sequence_options, same_fmr);
    FIELD(fm_liveness_sequence_options, use_same_score);
    FIELD(fm_liveness_sequence_options, same_score);
    FIELD(fm_liveness_sequence_options, liveness);
    TYPE(fm_liveness_fusion);
    FIELD(fm_liveness_fusion, struct_size);
    FIELD(fm_liveness_fusion, verdict);
    FIELD(fm_liveness_fusion, reason);
    FIELD(fm_liveness_fusion, score);
    FIELD(fm_liveness_fusion, apcer);
    FIELD(fm_liveness_fusion, bpcer);
    FIELD(fm_liveness_fusion, live_threshold);
    FIELD(fm_liveness_fusion, spoof_threshold);
    FIELD(fm_liveness_fusion, decided);
    FIELD(fm_liveness_fusion, frames);
    FIELD(fm_liveness_fusion, used);
    FIELD(fm_liveness_fusion, unusable);
    FIELD(fm_liveness_fusion, stills);
    FIELD(fm_liveness_fusion, other_faces);
}

int main(void)
{
    print_status();
    print_version();
    print_log();
    print_image();
    print_model();
    print_session();
    print_face();
    print_embed();
    print_compare();
    print_gallery();
    print_transfer();
    print_quality();
    print_evaluate();
    print_evaluation();
    print_train();
    print_liveness();
    return 0;
}
