// Package index is the console's search index: an SQLite file built from the
// journals of runs and the ledger, and kept up to date from then on. It is
// disposable: one that is missing, of another version or of another queue is
// built anew.
//
// # What it holds
//
// Ids, names of the configuration, states, reason codes and times, in clear.
// Invoice keys and the ids ERPs gave are held as keyed hashes: they are found by
// their whole text, and the file does not tell them. Fields that the
// configuration names (console.index.fields) are held in clear, the documented
// exception to sealing. The file is readable by its owner only.
package index

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// version of the file's tables. A file of another version is built anew.
const version = 1

//go:embed schema.sql
var schema string

// Options is what an Index is built from.
type Options struct {
	// Path of the file; its folder is made if need be.
	Path    string
	Queue   *queue.Queue
	Journal *journal.Journal
	// Fields are the schema ids whose values the journals keep for search, and the file holds in clear.
	Fields []string
	Log    *zap.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Index is an open index. It is safe for concurrent use. Its methods block until SQLite answers or their context ends.
type Index struct {
	Options
	db *sql.DB

	mu      sync.Mutex
	moved   chan struct{} // closed and replaced when a follower moved
	runs    uint64        // revisions that are in the file
	ledger  uint64
	goal    uint64 // the newest revision of the runs when Run began
	started uint64 // where Run began
	failed  error  // why nothing is added at the moment
}

// Open opens the file of a queue, or makes it. It holds nothing new before Run.
func Open(ctx context.Context, o Options) (*Index, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &Index{Options: o, moved: make(chan struct{})}
	made, err := x.identity(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("console index: %w", err)
	}
	if err = x.open(ctx, made); err == nil {
		return x, nil
	}
	if !errors.Is(err, errOther) {
		o.Log.Warn("the console's index cannot be used and is built anew", zap.Error(err))
	}
	if err := x.remove(); err != nil {
		return nil, err
	}
	if err := x.open(ctx, made); err != nil {
		return nil, errors.Join(fmt.Errorf("console index: %w", err), x.Close())
	}
	return x, nil
}

// errOther: the file is of another version, queue or configuration.
var errOther = errors.New("the index is of another version, queue or configuration")

// identity is what a file must have been made for.
func (x *Index) identity(ctx context.Context) (string, error) {
	runs, err := x.Journal.RunSpan(ctx)
	if err != nil {
		return "", err
	}
	ledger, err := x.Journal.LedgerSpan(ctx)
	if err != nil {
		return "", err
	}
	x.goal = runs.Last
	return fmt.Sprintf("%d %s %s %q", version, runs.Created.Format(time.RFC3339Nano), ledger.Created.Format(time.RFC3339Nano), x.Fields), nil
}

// open opens the file and checks what it was made for; a new one gets its tables.
func (x *Index) open(ctx context.Context, made string) error {
	f, err := os.OpenFile(x.Path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite gives its other files the same mode
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	x.db, err = sql.Open("sqlite", "file:"+escapePath(x.Path)+"?_txlock=immediate&_pragma=busy_timeout(10000)"+
		"&_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(10000)&_pragma=synchronous(off)&_pragma=cache_size(-65536)&_pragma=temp_store(memory)")
	if err != nil {
		return err
	}
	x.db.SetMaxOpenConns(4)
	var tables int
	if err := x.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return x.create(ctx, made)
	}
	return x.check(ctx, made)
}

// escapePath keeps a path a path in SQLite's file URIs.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func (x *Index) create(ctx context.Context, made string) error {
	if _, err := x.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	_, err := x.db.ExecContext(ctx, "INSERT INTO meta(name, value) VALUES ('made', ?), ('runs', '0'), ('ledger', '0')", made)
	return err
}

func (x *Index) check(ctx context.Context, made string) error {
	rows, err := x.db.QueryContext(ctx, "SELECT name, value FROM meta")
	if err != nil {
		return err
	}
	defer rows.Close()
	meta := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		meta[name] = value
	}
	if err := rows.Err(); err != nil {
		return err
	}
	x.runs, _ = strconv.ParseUint(meta["runs"], 10, 64)
	x.ledger, _ = strconv.ParseUint(meta["ledger"], 10, 64)
	if meta["made"] != made || x.runs > x.goal { // ahead of the queue: that came from a backup
		return errOther
	}
	return nil
}

// remove deletes the file with SQLite's own beside it.
func (x *Index) remove() error {
	if err := x.Close(); err != nil {
		return err
	}
	x.runs, x.ledger = 0, 0
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(x.Path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("console index: %w", err)
		}
	}
	return nil
}

// Close closes the file. Run must have returned.
func (x *Index) Close() error {
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}

// Progress tells how far the index is.
type Progress struct {
	// Building: what was there when the process started is not all in yet. Done of Total writes are.
	Building    bool   `json:"building"`
	Done, Total uint64 `json:"-"`
	// Problem says why nothing is added at the moment, "" where all is well.
	Problem string `json:"problem,omitempty"`
}

// Progress tells how far the index is.
func (x *Index) Progress() Progress {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := Progress{Building: x.runs < x.goal, Done: x.runs - x.started, Total: x.goal - min(x.goal, x.started)}
	if x.failed != nil {
		p.Problem = x.failed.Error()
	}
	return p
}

// CatchUp waits until the index holds all that was written before the call, or ctx ends.
func (x *Index) CatchUp(ctx context.Context) error {
	runs, err := x.Journal.RunSpan(ctx)
	if err != nil {
		return err
	}
	ledger, err := x.Journal.LedgerSpan(ctx)
	if err != nil {
		return err
	}
	for {
		x.mu.Lock()
		there, moved := x.runs >= runs.Last && x.ledger >= ledger.Last, x.moved
		x.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}
