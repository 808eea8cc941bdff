package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

const (
	slowDisk  = 20 * time.Millisecond  // with it one machine takes 50 events a second
	verySlow  = 200 * time.Millisecond // nothing to run a queue on
	nearlyAll = 80                     // percent
)

// data looks at the data directory of an embedded queue: its rights, its room, its file system.
func (d *doctor) data(context.Context) {
	q := d.Config.Queue
	if q.URL != "" {
		return
	}
	info, err := os.Stat(q.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn("data", q.Data+" is not there yet", "the relay makes it when it starts; or create it, with mode 0700, owned by the relay's user")
		return
	case err != nil:
		d.problem("data", err.Error(), "give the relay's user rights to it")
		return
	case !info.IsDir():
		d.problem("data", q.Data+" is not a directory", "another path in queue.data")
		return
	case info.Mode().Perm()&0o077 != 0:
		d.warn("data", q.Data+" can be read by others", "chmod 0700 "+q.Data)
	}
	if keys, err := os.Stat(filepath.Join(q.Data, "keys")); err == nil && keys.Mode().Perm()&0o077 != 0 {
		d.problem("keys", "the file of the sealing keys can be read by others", "chmod 0600 "+filepath.Join(q.Data, "keys"))
	}
	d.room(q)
	d.fsync(q)
}

// Types of network file systems (statfs(2)); locks and fsync there do not hold what they promise.
const (
	nfs  = 0x6969
	smb2 = 0xfe534d42
	cifs = 0xff534d42
)

func (d *doctor) room(q configs.Queue) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(q.Data, &s); err != nil {
		d.problem("data", fmt.Sprintf("the file system of %s: %v", q.Data, err), "another disk")
		return
	}
	if slices.Contains([]int64{nfs, smb2, cifs}, int64(s.Type)) { //nolint:unconvert // another type elsewhere
		d.problem("data", q.Data+" is on a network file system", "a local disk, or a NATS cluster (queue.url)")
	}
	free := int64(s.Bavail) * int64(s.Bsize) //nolint:gosec,unconvert // bytes of a disk
	if used := usedBy(q.Data); free+used < int64(q.MaxStore) {
		d.warn("data", fmt.Sprintf("%s free, less than queue.max_store (%s) needs", size(free), size(int64(q.MaxStore))), "a larger disk, or lower queue.max_store")
		return
	}
	d.ok("data", size(free)+" free")
}

// usedBy sums the files below a directory, as far as they can be seen.
func usedBy(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// fsync writes as the queue would.
func (d *doctor) fsync(q configs.Queue) {
	took, err := timeSync(q.Data)
	what := fmt.Sprintf("a durable write takes %s", took.Round(10*time.Microsecond))
	switch {
	case err != nil:
		d.problem("data", "cannot write: "+err.Error(), "give the relay's user rights to "+q.Data+", and room")
	case took > verySlow:
		d.problem("data", what, "a local SSD; this one takes "+perSecond(took))
	case took > slowDisk && q.Durability == configs.Strict:
		d.warn("data", what+": "+perSecond(took), "a local SSD; or queue.durability: balanced, which may lose a second of events with the machine")
	default:
		d.ok("data", what)
	}
}

func perSecond(took time.Duration) string {
	return fmt.Sprintf("about %.0f events a second, one after another", max(1, float64(time.Second)/float64(took)))
}

// timeSync is the median of some durable writes of 4 KiB.
func timeSync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor.*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // nothing to do about it
	defer f.Close()
	var took []time.Duration
	for range 21 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4<<10)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// queue looks at the running queue and its keys.
func (d *doctor) queue(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*lookWithin)
	defer cancel()
	q, err := queue.Open(ctx, d.Config.Queue, queue.Attach, "doctor", zap.NewNop())
	switch {
	case errors.Is(err, queue.ErrNoKey):
		d.problem("keys", "what is stored is sealed with a key that this process does not have", "put it into queue.keys, the same in every process")
		return
	case errors.Is(err, queue.ErrRestoring):
		d.problem("queue", err.Error(), "rossum-relay restore FILE, again")
		return
	case err != nil && d.Config.Queue.URL == "":
		d.warn("queue", "no relay serves the queue now: "+err.Error(), "rossum-relay run, then rossum-relay doctor again, for the rest")
		return
	case err != nil:
		d.problem("queue", err.Error(), "start NATS with JetStream, and check queue.url, user and tls; streams are made by the first rossum-relay ingest or run")
		return
	}
	defer q.Close()
	d.keys(ctx, q)
	x, err := q.Examine(ctx)
	if err != nil {
		d.problem("queue", err.Error(), "look at the logs of NATS")
		return
	}
	d.server(x)
	d.streams(x)
	d.writes(x)
}

func (d *doctor) keys(_ context.Context, q *queue.Queue) {
	ids := q.KeyIDs()
	if len(ids) > 1 {
		d.warn("keys", fmt.Sprintf("key %s seals, %d older ones open", ids[0], len(ids)-1), "rossum-relay keys rotate, then remove the older ones")
		return
	}
	d.ok("keys", "key "+ids[0]+" seals; keep a copy elsewhere: without it nothing stored can be read")
}

func (d *doctor) server(x queue.Examination) {
	cluster := d.Config.Queue.URL != ""
	switch {
	case x.TooOld:
		d.problem("queue", "NATS "+x.Server+" may lose runs that wait (nats-server issue 8423)", "at least "+queue.Oldest)
	case x.TooSmall:
		d.problem("queue", "NATS takes messages of "+size(x.MaxPayload)+" only", "max_payload: 8MB in its configuration")
	default:
		d.ok("queue", fmt.Sprintf("NATS %s, answers in %s", x.Server, x.Health.RTT.Round(10*time.Microsecond)))
	}
	if cluster && d.Config.Queue.Replicas < 3 {
		d.warn("queue", "one replica: an event is lost with its server's disk", "queue.replicas: 3")
	}
	if x.StoreLimit > 0 && x.Stored*100 > x.StoreLimit*nearlyAll {
		d.warn("queue", fmt.Sprintf("%s of %s are used", size(x.Stored), size(x.StoreLimit)), "raise queue.max_store or the account's max_file; rossum-relay dead groups shows what can go")
	}
	if cluster && x.StoreLimit > 0 && x.StoreLimit < int64(d.Config.Queue.MaxEvents) {
		d.warn("queue", "the account may store less than queue.max_events", "raise max_file of the account, or lower queue.max_events")
	}
}

func (d *doctor) streams(x queue.Examination) {
	for _, name := range x.Missing {
		d.problem("queue", "stream "+name+" is missing", "start rossum-relay ingest or run, which makes it")
	}
	for name, drift := range x.Drift {
		d.warn("queue", "stream "+name+" differs from the configuration: "+strings.Join(drift, ", "), "start rossum-relay ingest or run again, which sets it")
	}
	for _, name := range x.Behind {
		d.problem("queue", "stream "+name+" has no leader or a replica that is behind", "look at the servers: nats server report jetstream")
	}
	for _, s := range x.Health.Streams {
		if s.Limit > 0 && s.Bytes*100 > uint64(s.Limit)*nearlyAll {
			d.warn("queue", fmt.Sprintf("stream %s is full to %s of %s", s.Name, size(int64(s.Bytes)), size(s.Limit)), "mend the target whose backlog it is, or raise the limit") //nolint:gosec // below a limit
		}
	}
}

func (d *doctor) writes(x queue.Examination) {
	what := fmt.Sprintf("stores something in %s, %s at worst", x.Write.Round(10*time.Microsecond), x.WorstWrite.Round(10*time.Microsecond))
	if x.Write > 5*slowDisk {
		d.warn("queue", what, "local SSDs below NATS, and its servers near each other")
		return
	}
	d.ok("queue", what)
}

// size of bytes for people.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
