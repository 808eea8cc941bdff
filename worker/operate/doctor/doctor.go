// Package doctor looks at what a relay needs around it: its clock, disk, queue
// and keys, its certificates, the way to Rossum and the ERPs, and the hook
// objects in Rossum. It changes nothing, and tells the mend with each finding.
package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Level says how bad a finding is.
type Level string

// The levels of a finding.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but not well, or not for long
	Problem Level = "problem" // something does not work
)

// Finding is what one look found.
type Finding struct {
	// Check names what was looked at: config, clock, data, queue, keys, tls, rossum.NAME, target.NAME, hook.NAME.
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Message string `json:"message"`
	// Try is how to mend it; empty where all is well.
	Try string `json:"try,omitempty"`
}

// Options is what a check-up works with.
type Options struct {
	// Config, with the secrets of Roles resolved.
	Config *configs.Config
	// Roles whose needs are looked at: the queue for RoleOperator, the hooks in Rossum for RoleAdmin.
	Roles []configs.Role
	// Rossum makes a client of an environment's service account, for RoleAdmin. The check-up closes it.
	Rossum func(environment string) (*rossumapi.Client, error)
	// Now is the clock that is checked. Defaults to time.Now.
	Now func() time.Time
}

// lookWithin bounds each look at something outside.
const lookWithin = 10 * time.Second

// doctor collects findings. Its looks run side by side.
type doctor struct {
	Options
	mu    sync.Mutex
	found []Finding
}

// Examine makes all looks that the roles need and returns the findings, those of one check together. It blocks until all
// are made, at most about half a minute, or ctx ends.
func Examine(ctx context.Context, o Options) []Finding {
	d := &doctor{Options: o}
	if d.Now == nil {
		d.Now = time.Now
	}
	looks := []func(context.Context){d.data}
	if d.needs(configs.RoleOperator) {
		looks = append(looks, d.queue)
	}
	if d.needs(configs.RoleIngest) {
		looks = append(looks, d.serverTLS, d.publicURL)
	}
	if d.needs(configs.RoleWorker) || d.needs(configs.RoleAdmin) {
		looks = append(looks, d.rossum)
	}
	if d.needs(configs.RoleWorker) {
		looks = append(looks, d.targets)
	}
	if d.needs(configs.RoleAdmin) {
		looks = append(looks, d.hooks)
	}
	var wg sync.WaitGroup
	for _, look := range looks {
		wg.Go(func() { look(ctx) })
	}
	wg.Wait()
	slices.SortStableFunc(d.found, func(a, b Finding) int { return strings.Compare(order(a.Check), order(b.Check)) })
	return d.found
}

// order sorts checks from the machine outwards.
func order(check string) string {
	kinds := []string{"config", "clock", "data", "queue", "keys", "tls", "public_url", "rossum", "target", "hook"}
	kind, _, _ := strings.Cut(check, ".")
	return string(rune('a'+slices.Index(kinds, kind)+1)) + check
}

func (d *doctor) needs(role configs.Role) bool {
	return slices.Contains(d.Roles, role)
}

func (d *doctor) add(f Finding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found = append(d.found, f)
}

func (d *doctor) ok(check, message string)           { d.add(Finding{check, OK, message, ""}) }
func (d *doctor) warn(check, message, try string)    { d.add(Finding{check, Warning, message, try}) }
func (d *doctor) problem(check, message, try string) { d.add(Finding{check, Problem, message, try}) }

// Worst is the worst level among findings.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if f.Level == Problem || f.Level == Warning && worst == OK {
			worst = f.Level
		}
	}
	return worst
}
