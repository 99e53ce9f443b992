/* SPDX-License-Identifier: MIT
 *
 * The job: one struct that config/ fills from processingjobconfig.json, resourceconfig.json,
 * agent.ini, the environment and the command line, and that the stages read and add their facts to.
 * A field says who writes it; everybody else only reads it. Names are the service's
 * (CreateProcessingJob).
 *
 * Also the stage interface: a stage has a check (all that can be known before the first byte moves)
 * and an act. main.c lists the stages in order; job_perform runs them.
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/tz.h"

enum store_kind {
    STORE_PLATFORM, /* SageMaker moves the data before and after us */
    STORE_FOLDER,   /* s3://bucket/key is ROOT/bucket/key */
    STORE_S3,       /* Amazon S3, or what speaks its protocol at [store] endpoint */
};

/* [store]'s keys for kind = s3. Written by config/; NULL and 0 mean the default. */
enum s3_addressing {
    ADDRESS_AUTO,    /* virtual on Amazon's own endpoints, path on others */
    ADDRESS_PATH,    /* https://endpoint/bucket/key */
    ADDRESS_VIRTUAL, /* https://bucket.endpoint/key */
};
struct s3_settings {
    char *endpoint;   /* "http://127.0.0.1:9000", without trailing slash */
    char *region;     /* of the buckets and of signatures */
    char *ca_bundle;  /* a PEM file that is trusted in place of the usual ones */
    char *kms_key_id; /* SSE-KMS for what is put; KmsKeyId of the request unless set */
    enum s3_addressing addressing;
    uint64_t connections; /* most requests in flight */
    uint64_t part_size;   /* bytes of a range or an upload's part */
    uint64_t retries;     /* of one request, after its first try */
    int64_t timeout_ns;   /* without a byte moving */
};

/* The service's enums. A value that we do not know is kept as *_OTHER: it is an error only where we
 * would have to act on it, since the platform may grow values (sagemaker.md, fact 5). */
enum s3_data_type { S3_PREFIX, S3_MANIFEST_FILE, S3_DATA_TYPE_OTHER };
enum s3_distribution { FULLY_REPLICATED, SHARDED_BY_S3_KEY, DISTRIBUTION_OTHER };
enum s3_input_mode { INPUT_FILE, INPUT_PIPE, INPUT_MODE_OTHER };
enum s3_upload_mode { UPLOAD_END_OF_JOB, UPLOAD_CONTINUOUS, UPLOAD_MODE_OTHER };

/* Where a ManifestFile's objects land below LocalPath (contract: sagemaker.md 2.2). */
enum manifest_paths {
    MANIFEST_FULL_KEY, /* LocalPath + the whole key, as Training does */
    MANIFEST_RELATIVE, /* LocalPath + what stands behind the manifest's prefix */
};

/* [input X] unpack and its limits; config/. */
struct unpack {
    bool wanted;          /* archives are replaced by what they hold */
    uint64_t max_entries; /* members of one archive */
    uint64_t max_size;    /* bytes that come out of one archive; 0 = no limit */
    uint64_t max_ratio;   /* bytes out for each byte of the archive */
};

/* One ProcessingInputs[] member. Written by config/, the counters by stage/. */
struct input {
    char *name;       /* InputName */
    char *local_path; /* LocalPath, cleaned: /opt/ml/processing/...; NULL when app-managed */
    char *dir;        /* where that is on this machine: below --ml-root; NULL as above */
    char *s3_uri;     /* S3Uri; NULL when there is none */
    char *origin;     /* "processingjobconfig.json:12:5" or "agent.ini:7": for errors */
    enum s3_data_type data_type;
    enum s3_distribution distribution;
    enum s3_input_mode mode;
    char *odd;        /* the first enum member of unknown value, `S3InputMode "X"`, or NULL */
    bool gzip;        /* S3CompressionType Gzip */
    bool app_managed; /* AppManaged */
    bool dataset;     /* has a DatasetDefinition instead of an S3Input */
    enum manifest_paths manifest_paths; /* [input X] manifest_paths */
    struct unpack unpack;               /* [input X] unpack... */
    struct pipe *pipe;                  /* owned: feeds the FIFO of S3InputMode Pipe; stage/ */
    uint64_t files;                     /* staged files; stage/ */
    uint64_t bytes;                     /* staged bytes; stage/ */
};

/* [output X]'s keys about rows: how files are read and split by columns. Written by config/. */
enum data_format {
    FORMAT_BY_NAME, /* .csv .tsv .jsonl .ndjson, also with .gz behind */
    FORMAT_CSV,
    FORMAT_TSV, /* CSV with a tab between fields */
    FORMAT_JSONL,
};
enum null_policy {
    NULL_PARTITION, /* null and empty go to __HIVE_DEFAULT_PARTITION__ */
    NULL_FAIL,      /* such a row is a bad row */
    NULL_VALUE,     /* table.null_value stands for them */
};
struct table {
    enum data_format format; /* how its files are read */
    char delimiter;          /* one byte of ASCII; 0: the format's own */
    char quote;              /* one byte of ASCII; 0: nothing is quoted */
    bool header;             /* each file begins with the names of its columns */
    struct strvec columns;   /* the names where there is no header; may be empty */
    enum null_policy null;   /* what a null or empty value becomes */
    char *null_value;        /* with NULL_VALUE */
    bool sentinel_is_null;   /* a literal __HIVE_DEFAULT_PARTITION__ in the data is null */
    bool keep_columns;       /* the partition's columns stay in the rows */
    bool reject_bad_rows;    /* they go to _rejected/ instead of ending the job */
    bool compress;           /* split files are written as .gz */
    bool portable;           /* warn of names that the URL family of readers spells otherwise */
    uint64_t max_row_size;   /* bytes; a longer row is a bad row */
    uint64_t max_partitions; /* leaf partitions of the output */
    uint64_t max_files;      /* files in them; 0 = no limit */
    uint64_t max_file_size;  /* bytes before compression; 0 = no limit */
    char *split_origin;      /* where the first key was set that only a split by columns needs, or
                                 NULL */
};

/* What publishing does with objects that are there already; [output X] mode. */
enum publish_mode {
    PUBLISH_APPEND,  /* they stay; one of the same key is replaced */
    PUBLISH_REPLACE, /* those of a partition that gets new files go, once the new ones are there */
    PUBLISH_FAIL,    /* a partition that has some already ends the job */
};

/* How hard packing tries; [output X] pack_level. */
enum pack_level { PACK_NORMAL, PACK_FAST, PACK_BEST };

/* What an archive holds and how it is made. Written by config/. */
struct packing {
    struct strvec include; /* [output X] pack_include: patterns (base/glob.h); none: all files */
    struct strvec exclude; /* [output X] pack_exclude: likewise; wins */
    enum pack_level level; /* [output X] pack_level */
    char *origin;          /* "agent.ini:9: pack_level": the first of these that is set, or NULL */
};

/* One leaf partition as it is after the run. Written by partition/. */
struct leaf {
    char *path;     /* "k=v/k2=v2" below the output's folder */
    uint64_t files; /* data files in it */
    uint64_t rows;  /* rows split into it; 0 for files that were moved or found there */
    uint64_t bytes; /* of its files */
};

/* One ProcessingOutputConfig.Outputs[] member. Written by config/, the facts by their stage. */
struct output {
    char *name;       /* OutputName */
    char *local_path; /* LocalPath as configured, cleaned; NULL when app-managed without one */
    char *dir;        /* where that is on this machine; NULL as above */
    char *s3_uri;     /* S3Uri without trailing slashes; NULL when there is none */
    char *origin;     /* where it was declared: for errors */
    enum s3_upload_mode upload_mode;
    bool app_managed;
    bool feature_store;     /* has a FeatureStoreOutput */
    char *layout;           /* [output X] layout, or NULL */
    char *layout_origin;    /* where the layout was set */
    char *match;            /* [output X] match: names pieces of paths, or NULL */
    char *match_origin;     /* where that was set */
    char *pack;             /* [output X] pack: the archive's name, or NULL */
    char *pack_origin;      /* where that was set */
    struct packing packing; /* what it holds and how it is made */
    enum publish_mode mode; /* [output X] mode */
    char *mode_origin;      /* where that was set, or NULL */
    char *marker;           /* [output X] marker: an empty object put after all data, or NULL */
    char *manifest;         /* [output X] manifest: a ManifestFile of the data, put then, or NULL */
    bool publish_failed;    /* [output X] on_failure = publish: a failed transform's files, aside */
    char
        *partition_dir; /* the layout with this job's values, "k=v/k2=v2", NULL when it differs from
                           * file to file; partition/ at check */
    bool holds_cwd;     /* the working folder at our start lies in it, so it must stay the same
                              folder; partition/ at check */
    struct table table; /* how its rows are read; config/ */
    struct leaf *leaves; /* the leaf partitions after the run, sorted by path; partition/ */
    size_t n_leaves;
    uint64_t split;         /* files whose rows were split by columns; partition/, as below */
    uint64_t rows_in;       /* rows those files had, headers not counted */
    uint64_t rows_out;      /* rows written into partitions */
    uint64_t rows_rejected; /* rows written to _rejected/ */
    uint64_t blank_lines;   /* empty lines, which are no rows and were left out */
    uint64_t partitions;    /* leaf partitions after the run; partition/ */
    uint64_t moved;         /* files moved into a partition; partition/ */
    uint64_t members;       /* archive members; pack/ */
    uint64_t packed_bytes;  /* bytes of the archive; pack/ */
    uint64_t files;         /* files at the end: what is, or will be, published; publish/ */
    uint64_t bytes;         /* their bytes; publish/ */
    uint64_t skipped;       /* links and special files that are not published; publish/ */
    uint64_t published;     /* files that this run put into the store; publish/ */
    uint64_t replaced;      /* old objects that it removed there; publish/ */
    char *failed_to;        /* owned: where a failed transform's files went, or NULL; publish/ */
};

/* A notebook's parameter, or a set of them, in the order in which they win. */
enum parameter_kind {
    PARAMETER_TYPED,  /* NAME = text, typed as papermill's -p does */
    PARAMETER_OBJECT, /* a JSON object's text */
    PARAMETER_FILE,   /* a file that holds a JSON object */
    PARAMETER_HYPER,  /* hyperparameters.json: all values are strings */
};
struct parameter {
    enum parameter_kind kind; /* which of these */
    char *name;               /* with PARAMETER_TYPED */
    char *value;              /* the text, or the file's path */
    char *origin;             /* where it stands: for errors */
};
enum notebook_engine { ENGINE_AUTO, ENGINE_PAPERMILL, ENGINE_NBCLIENT };

/* A notebook that is run in place of a command (contract: notebooks.md, sagemaker.md 4). Written by
 * config/, the facts by notebook/. */
struct notebook {
    bool wanted;          /* the job is a notebook */
    bool training;        /* by the Notebook Job contract, in a training job's tree */
    char *origin;         /* what asked for it: for errors */
    char *input;          /* the notebook; absolute */
    char *dir;            /* where the results go; absolute */
    char *output;         /* the executed notebook's name there; NULL: made from name and time */
    char *kernel;         /* the one that is asked for, or NULL */
    char *s3_output_path; /* of a training job: results go below it; or NULL */
    enum notebook_engine engine;  /* what executes it */
    int64_t timeout_ns;           /* of one cell; 0 = none */
    struct strvec formats;        /* what nbconvert makes of the result */
    bool hide_code;               /* HTML without the cells' sources */
    bool fold_bars;               /* the user's own \r bars become lines */
    struct strvec redact;         /* variables whose values are removed from the result */
    bool keep_credentials;        /* what looks like AWS credentials stays */
    struct parameter *parameters; /* owned */
    size_t n_parameters;          /* of them */
    char *init_script;            /* sourced by bash before the engine, or NULL; absolute */
    char *lcc_script;             /* run by sh before that, or NULL; absolute */
    struct notebook_run *run;     /* owned: between prepare and collect; notebook/ */
    /* facts, for message and report; notebook/ */
    char *engine_used;   /* "papermill 2.6.0", or NULL */
    char *interpreter;   /* the Python that runs it, or NULL */
    char *reason;        /* one line why it failed, or NULL */
    uint64_t cells;      /* code cells */
    uint64_t executed;   /* of them */
    uint64_t side_files; /* files it made beside itself */
    uint64_t redacted;   /* secrets that were removed */
    bool has_output;     /* the executed notebook is there, as far as it came */
};

enum stage_id {
    STAGE_CONFIG,
    STAGE_INPUTS,
    STAGE_NOTEBOOK,
    STAGE_RUN,
    STAGE_COLLECT,
    STAGE_PARTITION,
    STAGE_PACK,
    STAGE_PUBLISH,
};
enum { STAGE_COUNT = STAGE_PUBLISH + 1 };

/* What the report says of a stage. Written by job_perform. */
struct stage_fact {
    bool ran;    /* its act was begun */
    bool failed; /* it, or its check, is what ended the job; or it failed after the transform */
    int64_t start_ns; /* CLOCK_MONOTONIC */
    int64_t end_ns;
};

/* The transform's end. Written by run/. */
struct transform {
    bool started;        /* exec succeeded */
    bool ended;          /* it was waited for */
    int status;          /* 0..255, 128+n for a signal */
    int signo;           /* the signal it died of, or 0 */
    bool dumped;         /* a core was dumped */
    unsigned leftovers;  /* processes that were still there when it ended */
    bool timed_out;      /* it was ended because the job's time was over */
    bool stopped;        /* a stop signal arrived before its end */
    char last_line[512]; /* the last non-empty line of its stderr, "" when not known; UTF-8 */
};

struct job {
    /* who and when: config/ */
    char *name;             /* ProcessingJobName, "" when unknown */
    char *arn;              /* ProcessingJobArn, "" when unknown */
    char *current_host;     /* resourceconfig.json current_host, else the environment's (ranks.h),
                               "algo-1" when unknown */
    struct strvec hosts;    /* likewise, in file order; at least one */
    size_t host_index;      /* place of current_host in hosts */
    bool hosts_named;       /* resourceconfig.json says who the hosts are */
    int64_t time_ns;        /* the job's instant, nanoseconds since the epoch */
    char *timezone;         /* as configured, "UTC" by default */
    struct tz tz;           /* the same, resolved */
    uint64_t max_runtime_s; /* StoppingCondition.MaxRuntimeInSeconds, 0 when absent */

    /* what: config/ */
    char *ml_root;         /* what stands for /opt/ml; absolute */
    char *config_file;     /* the agent.ini in use, or NULL */
    struct strvec command; /* the transform: words for execve, no shell */
    char *command_origin;  /* where the command was given, NULL without a command */
    int64_t grace_ns;      /* [run] grace: from a stop signal to KILL */
    int64_t drain_ns;      /* [run] drain: what leftovers get after the transform's end */
    int64_t timeout_ns;    /* [run] timeout: the longest time from the agent's start; 0 = none */
    char *user;            /* [run] user: who runs the transform, or NULL: who runs us */
    char *user_origin;     /* where that was set */
    bool no_new_privs;     /* [run] no_new_privs */
    bool stderr_tail;      /* [run] stderr_tail: relay stderr, to know its last line */
    struct strvec environment; /* NAME=VALUE: Environment of the request, then [run] env.NAME */
    enum store_kind store_kind;
    bool app_managed_only; /* [store] moves = app-managed: the rest is SageMaker's to move */
    char *store_root;      /* [store] root, absolute; NULL but for a folder store */
    struct s3_settings s3; /* [store], for kind = s3 */
    int64_t progress_ns;   /* [job] progress: between two lines of a stage; 0 = none */
    bool dry_run;          /* plan the partitions, write nothing */
    struct input *inputs;
    size_t n_inputs;
    struct output *outputs;
    size_t n_outputs;
    struct notebook notebook;
    struct continuous *continuous; /* owned: uploads while the transform runs, or NULL; publish/ */
    void (*continuous_free)(struct continuous *c); /* how it is freed, set with it */

    /* the story being told: job_perform */
    const struct stage *stages;
    size_t n_stages;

    /* surroundings at entry: main.c */
    int cwd_fd; /* the working directory the transform gets */

    /* facts: each stage its own */
    int64_t begin_ns;      /* CLOCK_MONOTONIC at main's first lines */
    int64_t begin_real_ns; /* CLOCK_REALTIME then */
    struct stage_fact facts[STAGE_COUNT];
    struct transform transform;
    struct err failure; /* the error that ended the job, code ERR_NONE when none did */
    enum stage_id failed_stage;
};

struct stage {
    enum stage_id id; /* whose facts and failures these are */
    /* Finds all that can be found wrong before anything is touched. May be NULL. */
    int (*check)(struct job *job, struct err *e);
    /* Does the work; leaves either the old state or the complete new one. 1 when the job has no
     * such work at all: then the stage did not run, and nobody is told of it. */
    int (*act)(struct job *job, struct err *e);
    /* Work beside the transform, on threads: begun once it runs, ended when it is gone. May be
     * NULL. `begin` failing stops the transform; `end` is called all the same and tells what went
     * wrong. It is called once more when all is over, also where nothing was begun, and then only
     * clears away what `check` and `act` prepared for `begin`. */
    int (*begin)(struct job *job, struct err *e);
    int (*end)(struct job *job, struct err *e);
    /* Does it act after a failed transform too? May be NULL: no. */
    bool (*despite)(const struct job *job);
};

void job_init(struct job *job);
void job_free(struct job *job);

/* The defaults of [output X]'s keys about rows. */
void table_init(struct table *table);

/* Runs every check, then every act, until one fails or the transform ends with another status than
 * 0; failure and facts are in `job`. Logs one line per stage and the error, once. After a transform
 * that failed by itself (no stop, no time-out) publish/ still acts when an output wants its files
 * published aside; whether that works changes nothing in the job's status. */
void job_perform(struct job *job, const struct stage *stages, size_t n);

/* The checks alone. */
int job_check(struct job *job, const struct stage *stages, size_t n, struct err *e);

/* The stages' work beside the transform: for run/. Both go through all stages; the first error is
 * told. */
int job_begin_beside(struct job *job, struct err *e);
int job_end_beside(struct job *job, struct err *e);

/* Is the data of an input or output ours to move, one that the application manages or one that it
 * does not? */
bool job_moves(const struct job *job, bool app_managed);

/* Does SageMaker move what the application does not manage, and look after the job's time? */
bool job_on_platform(const struct job *job);

/* Did the transform run, and end with another status than 0 or because the time was over? */
bool job_transform_failed(const struct job *job);

/* Records a failure that happened outside job_perform (reading the configuration). */
void job_fail(struct job *job, enum stage_id id, const struct err *e);

/* The process's exit status (contract: process.md 5.11): the transform's own when it is not 0;
 * 128+n when stopped; 126 or 127 when it could not be started; 125 for a failure of ours. */
int job_status(const struct job *job);

/* One line that says why the job ended as it did, at most `size` bytes, valid UTF-8. */
void job_reason(const struct job *job, char *buf, size_t size);

/* True when the job has something to do after the transform. */
bool job_has_outputs(const struct job *job);

/* "stage", "run", ...: the words of logs and the report. */
const char *stage_name(enum stage_id id);

#endif
