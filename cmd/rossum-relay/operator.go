package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// operating calls f with an operator on the queue of the configuration: the running relay's embedded one, or a cluster.
func (f configFlag) operating(ctx context.Context, act func(*operate.Operator) error) error {
	cfg, err := f.load(configs.RoleOperator)
	if err != nil {
		return err
	}
	if err := cfg.Resolve(configs.RoleOperator); err != nil {
		return err
	}
	qcfg := cfg.Queue
	qcfg.Data = cfg.Path(qcfg.Data)
	q, err := queue.Open(ctx, qcfg, queue.Attach, "operator", zap.NewNop())
	if err != nil {
		return withHint(err, "rossum-relay run -c "+f.Config+" (this command talks to the running relay)")
	}
	defer q.Close()
	op, err := openOperator(ctx, cfg, q)
	var invalid configs.Errors
	if errors.As(err, &invalid) {
		return withHint(err, "rossum-relay config check -c "+f.Config)
	}
	if err != nil {
		return err
	}
	return act(op)
}

func openOperator(ctx context.Context, cfg *configs.Config, q *queue.Queue) (*operate.Operator, error) {
	o := operate.Options{Queue: q, Config: cfg, Who: whoAmI()}
	var err error
	if o.Journal, err = journal.Open(ctx, q, time.Now); err != nil {
		return nil, err
	}
	if o.Answers, err = answer.Open(ctx, q, time.Now); err != nil {
		return nil, err
	}
	if o.Holds, err = limits.OpenHolds(ctx, q); err != nil {
		return nil, err
	}
	if o.Pipelines, err = pipeline.Compile(cfg); err != nil {
		return nil, err
	}
	return operate.New(o), nil
}

// whoAmI is who stands in the journal: the user of this machine, and who it is on behalf of.
func whoAmI() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" && sudo != name {
		name = sudo + " as " + name
	}
	return name
}

// ago is how far back, such as 24h or 7d.
type ago time.Duration

// UnmarshalText reads 30m, 24h or 7d.
func (a *ago) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no time such as 24h or 7d", text)
		}
		*a = ago(time.Duration(n) * 24 * time.Hour) //nolint:gosec // 16 bits
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time such as 24h or 7d", text)
	}
	*a = ago(d)
	return nil
}

// time is the moment so long ago; the zero time where nothing is given.
func (a ago) time() time.Time {
	if a == 0 {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(a))
}

// confirm asks on the terminal unless told yes before. Everything but y or yes is no.
func confirm(stdout io.Writer, yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(stdout, "%s [y/N] ", question)
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Fprintln(stdout)
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return withHint(errors.New("not confirmed, nothing was done"), "--yes, where nobody is there to ask")
}

// table writes aligned columns.
func table(stdout io.Writer, head string, rows func(w io.Writer)) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	rows(w)
	return w.Flush()
}

// jsonLines writes one JSON object a line.
func jsonLines[T any](stdout io.Writer, all []T) error {
	enc := json.NewEncoder(stdout)
	for _, v := range all {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// local is a time for people, "" for none.
func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// oneLine is foreign text for a table's cell.
func oneLine(text string, most int) string {
	r := []rune(strings.Join(strings.Fields(printable(text)), " "))
	if len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return string(r)
}

// hinted adds what to do about an operator's error.
func hinted(err error) error {
	for known, hint := range map[error]string{
		operate.ErrNotDead:      "rossum-relay runs show ID",
		operate.ErrNotWaiting:   "rossum-relay runs show ID; a dead run is replayed: rossum-relay dead replay ID",
		operate.ErrObsolete:     "--force, if the older version shall be delivered nevertheless",
		operate.ErrNotUncertain: "rossum-relay dead show ID",
		operate.ErrNobodyWorks:  "rossum-relay run, or rossum-relay worker",
		journal.ErrDelivered:    "rossum-relay ledger show; the run may simply be replayed, it takes over what the ledger knows",
		queue.ErrNoLetter:       "rossum-relay dead list",
	} {
		if errors.Is(err, known) {
			return withHint(err, hint)
		}
	}
	return err
}
