package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// The streams and the object store (design section 6).
const (
	streamEvents   = "EV"
	streamRetry    = "RETRY"
	streamDead     = "DEADLETTERS"
	streamUnrouted = "UNROUTED"
	streamHistory  = "HIST"
	streamAdvisory = "ADV"
	payloadStore   = "payloads"

	duplicateWindow = 10 * time.Minute
	advisoryAge     = 7 * 24 * time.Hour
)

// Bucket names of the key-value store.
const (
	BucketEvents  = "events"
	BucketJournal = "journal"
	BucketLedger  = "ledger"
	BucketOrder   = "order"
	BucketAnswers = "answers"
	BucketLeases  = "leases"
	BucketHolds   = "holds"
	BucketTokens  = "tokens"
	BucketMembers = "members"
	BucketAlerts  = "alerts"
	// BucketSessions holds the logins of the console.
	BucketSessions = "sessions"
)

func bucketNames() []string {
	return []string{
		BucketEvents, BucketJournal, BucketLedger, BucketOrder, BucketAnswers,
		BucketLeases, BucketHolds, BucketTokens, BucketMembers, BucketAlerts, BucketSessions,
	}
}

func (q *Queue) replicas() int {
	switch {
	case q.cfg.Replicas > 0:
		return q.cfg.Replicas
	case q.cfg.URL != "":
		return 3
	default:
		return 1
	}
}

func (q *Queue) maxEvents() int64 {
	if q.cfg.MaxEvents > 0 {
		return int64(q.cfg.MaxEvents)
	}
	return q.share(2)
}

// share bounds a stream by a part of the store: JetStream reserves what a stream may use.
func (q *Queue) share(part int64) int64 {
	if q.cfg.URL != "" || q.cfg.MaxStore <= 0 { // a cluster has its own limits
		return -1
	}
	return int64(q.cfg.MaxStore) / part
}

// streams is the wanted state of every stream.
func (q *Queue) streams() []jetstream.StreamConfig {
	r := q.replicas()
	base := func(name string, retention jetstream.RetentionPolicy, subjects ...string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: subjects, Retention: retention, Storage: jetstream.FileStorage, Replicas: r,
			MaxBytes: -1, MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, MaxMsgSize: -1,
			Duplicates: duplicateWindow, Discard: jetstream.DiscardOld,
		}
	}
	ev := base(streamEvents, jetstream.WorkQueuePolicy, "ev.>")
	ev.Discard, ev.MaxBytes = jetstream.DiscardNew, q.maxEvents()
	retry := base(streamRetry, jetstream.WorkQueuePolicy, "retry.>", "due.>")
	retry.AllowMsgSchedules = true
	dead := base(streamDead, jetstream.LimitsPolicy, "dead.>")
	dead.MaxMsgsPerSubject, dead.AllowDirect = 1, true
	unrouted := base(streamUnrouted, jetstream.LimitsPolicy, "unrouted.>")
	unrouted.MaxAge, unrouted.MaxBytes = q.cfg.Retention.Unrouted.D(), q.share(16)
	hist := base(streamHistory, jetstream.LimitsPolicy, "hist.>")
	hist.MaxAge, hist.MaxBytes = q.cfg.Retention.History.D(), q.share(8)
	adv := base(streamAdvisory, jetstream.LimitsPolicy,
		"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")
	adv.MaxAge = advisoryAge
	all := []jetstream.StreamConfig{ev, retry, dead, unrouted, hist, adv}
	for _, name := range bucketNames() {
		all = append(all, q.bucket(name))
	}
	for i := range all {
		all[i].AllowAtomicPublish = q.cfg.URL == "" && slices.Contains(groupedStreams(), all[i].Name)
	}
	return all
}

func streamOf(bucket string) string { return "KV_" + bucket }

// bucket is a key-value bucket's stream. AllowDirect is off: with replicas a direct get may be stale, and every
// bucket holds something decisions are read from.
func (q *Queue) bucket(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamOf(name), Subjects: []string{"$KV." + name + ".>"}, Storage: jetstream.FileStorage,
		Replicas: q.replicas(), MaxMsgsPerSubject: 1, MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1,
		Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, Duplicates: 2 * time.Minute,
	}
}

// ensure creates what is missing, brings what is there to the wanted state, and says what had drifted.
func (q *Queue) ensure(ctx context.Context) error {
	for _, want := range q.streams() {
		if err := q.ensureStream(ctx, want); err != nil {
			return err
		}
	}
	if _, err := q.js.ObjectStore(ctx, payloadStore); err == nil {
		return nil
	}
	_, err := q.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: payloadStore, Storage: jetstream.FileStorage, Replicas: q.replicas(), MaxBytes: -1,
	})
	if err != nil && !errors.Is(err, jetstream.ErrBucketExists) {
		return fmt.Errorf("queue: object store %s: %w", payloadStore, err)
	}
	return nil
}

func (q *Queue) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	have, err := q.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err = q.js.CreateOrUpdateStream(ctx, want); err != nil {
			return fmt.Errorf("queue: create stream %s: %w", want.Name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("queue: stream %s: %w", want.Name, err)
	}
	drift := driftOf(have.CachedInfo().Config, want)
	if len(drift) == 0 {
		return nil
	}
	q.log.Warn("queue stream differs from the configuration; updating it",
		zap.String("stream", want.Name), zap.Strings("drift", drift))
	if _, err := q.js.UpdateStream(ctx, want); err != nil {
		return fmt.Errorf("queue: update stream %s (%v): %w", want.Name, drift, err)
	}
	return nil
}

// driftOf names what differs in the settings we own.
func driftOf(have, want jetstream.StreamConfig) []string {
	var drift []string
	diff := func(name string, h, w any) {
		if fmt.Sprint(h) != fmt.Sprint(w) {
			drift = append(drift, fmt.Sprintf("%s is %v, want %v", name, h, w))
		}
	}
	diff("subjects", have.Subjects, want.Subjects)
	diff("retention", have.Retention, want.Retention)
	diff("discard", have.Discard, want.Discard)
	diff("storage", have.Storage, want.Storage)
	diff("replicas", have.Replicas, want.Replicas)
	diff("max_bytes", have.MaxBytes, want.MaxBytes)
	diff("max_age", have.MaxAge, want.MaxAge)
	diff("max_msgs_per_subject", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	diff("duplicate_window", have.Duplicates, want.Duplicates)
	diff("allow_direct", have.AllowDirect, want.AllowDirect)
	diff("allow_atomic", have.AllowAtomicPublish, want.AllowAtomicPublish)
	diff("allow_msg_schedules", have.AllowMsgSchedules, want.AllowMsgSchedules)
	return drift
}
