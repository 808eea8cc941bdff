package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	demoUser     = "relay@demo.example"
	demoPassword = "demo-Password-1"
	demoSecret   = "demo-signing-secret"
	// demoSpeed makes Rossum's 30 s between polls one second.
	demoSpeed = 30
)

// demoCmd is "rossum-relay demo".
type demoCmd struct {
	Events  int    `default:"8" help:"Invoices to upload."`
	Seed    uint64 `default:"1" help:"Seed of everything random."`
	Fail    share  `default:"0%" placeholder:"20%" help:"Share of ERP calls that fail in mixed ways: 503, time-out after applying, reset, 429."`
	Exit    bool   `help:"End when every invoice has arrived, instead of staying up for playing."`
	JSON    bool   `help:"Print the summary as one JSON object on the last line."`
	Verbose bool   `short:"v" help:"Show the relay's log."`
}

// demoSummary is the result of a demo.
type demoSummary struct {
	Accepted           int     `json:"accepted"` // distinct events
	Runs               int     `json:"runs"`
	Done               int     `json:"done"`
	Dead               int     `json:"dead"`
	Waiting            int     `json:"waiting"`
	ERPEffects         int     `json:"erp_effects"` // invoices at the ERP
	ERPDuplicates      int     `json:"erp_duplicates"`
	ERPFaults          int     `json:"erp_faults"`
	RossumExported     int     `json:"rossum_exported"`
	RossumFailedExport int     `json:"rossum_failed_export"`
	Seconds            float64 `json:"seconds"`
}

// demo is a running demo: the relay between two simulators.
type demo struct {
	cmd     *demoCmd
	dir     string
	file    string // the configuration
	rossum  *rossumsim.Sim
	erp     *erpsim.Sim
	erpAddr string
	listen  string
	service *service
	user    int64
	ids     []int64
	out     io.Writer
}

// Run starts everything, carries the invoices across and tells how it went.
func (c *demoCmd) Run(ctx context.Context, stdout io.Writer) (err error) {
	d := &demo{cmd: c, out: stdout}
	if d.dir, err = os.MkdirTemp("", "rossum-relay-demo-"); err != nil {
		return err
	}
	defer os.RemoveAll(d.dir)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	if err := d.start(ctx, g); err != nil {
		return err
	}
	defer d.service.close()
	defer d.rossum.Close()
	g.Go(func() error {
		defer stop()
		return d.play(ctx)
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// start brings up the simulators and the relay, which is the same code as the command run.
func (d *demo) start(ctx context.Context, g *errgroup.Group) error {
	d.rossum = rossumsim.New(rossumsim.Options{Seed: d.cmd.Seed, Speed: demoSpeed, Switches: rossumsim.Switches{RateLimit: -1}})
	if err := d.rossum.Start("127.0.0.1:0"); err != nil {
		return err
	}
	d.erp = erpsim.New(erpsim.Options{
		Username: "relay", Password: demoPassword, FailRate: float64(d.cmd.Fail), Seed: d.cmd.Seed,
		Keys: map[string][]string{"invoices": {"supplier", "type", "number"}},
	})
	erpListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.erpAddr = "http://" + erpListener.Addr().String()
	g.Go(func() error { return d.erp.Serve(ctx, erpListener) })
	if d.listen, err = freeAddr(); err != nil {
		return err
	}
	cfg, err := d.config()
	if err != nil {
		return err
	}
	var log io.Writer = io.Discard
	if d.cmd.Verbose {
		log = os.Stderr
	}
	if d.service, err = openService(ctx, cfg, newLog(cfg.Log, log), nil, configs.RoleIngest, configs.RoleWorker, configs.RoleConsole); err != nil {
		return err
	}
	g.Go(func() error { return d.service.run(ctx) })
	return nil
}

// config writes the demo's configuration with its variables filled in, so that every other command can be pointed at it.
func (d *demo) config() (*configs.Config, error) {
	filled := strings.NewReplacer(
		"${ROSSUM_URL}", d.rossum.BaseURL(), "${ROSSUM_USERNAME}", demoUser, "${ROSSUM_PASSWORD}", demoPassword,
		"${HOOK_SECRET}", demoSecret, "${ERP_URL}", d.erpAddr, "${ERP_PASSWORD}", demoPassword,
		"${DATA}", filepath.Join(d.dir, "data"), "${LISTEN}", d.listen, "${LOG_LEVEL}", "info",
	)
	d.file = filepath.Join(d.dir, "relay.yaml")
	text := filled.Replace(string(configs.Demo()))
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return configs.Load(d.file)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// play uploads the invoices, shows what happens, sums up, and stays unless told to exit.
func (d *demo) play(ctx context.Context) error {
	start := time.Now()
	if !d.cmd.JSON {
		fmt.Fprintf(d.out, "Rossum  %s (simulated, its clock runs %d times faster)\nERP     %s (simulated, fails %g%% of calls)\nrelay   http://%s/hooks/demo\n\n",
			d.rossum.BaseURL(), demoSpeed, d.erpAddr, float64(d.cmd.Fail)*100, d.listen)
	}
	if err := d.upload(ctx); err != nil {
		return err
	}
	if err := d.follow(ctx, start); err != nil {
		return err
	}
	s, err := d.sum(ctx, start)
	if err != nil {
		return err
	}
	if err := d.print(s); err != nil {
		return err
	}
	if d.cmd.Exit {
		return nil
	}
	if c := d.service.console; c != nil {
		fmt.Fprintf(d.out, "\nThe console: http://%s/\n", c.listener.Addr())
	}
	fmt.Fprintf(d.out, "\nEverything stays up until Ctrl-C. Look around in another terminal:\n"+
		"  rossum-relay runs list -c %s\n  rossum-relay ledger show -c %s\n  curl -s %s/_sim/effects      (what the ERP has)\n",
		d.file, d.file, d.erpAddr)
	<-ctx.Done()
	return nil
}

// upload puts the invoices into Rossum and lets a user confirm each.
func (d *demo) upload(ctx context.Context) error {
	payloads := samples.All()
	imported, err := d.rossum.Import(payloads[0])
	if err != nil {
		return err
	}
	d.user = d.rossum.AddUser(rossumsim.UserSpec{Username: demoUser, Password: demoPassword, Admin: true, Organization: imported.Organization})
	queues := map[int64]bool{}
	for _, p := range payloads {
		i, err := d.rossum.Import(p)
		if err != nil {
			return err
		}
		queues[i.Queue] = true
	}
	hook := rossumsim.HookSpec{
		Name: "rossum-relay demo", URL: "http://" + d.listen + "/hooks/demo", Secret: demoSecret,
		Events: []string{"annotation_content.export"}, TokenOwner: d.user, TokenLifetime: 7200,
	}
	for id := range queues {
		hook.Queues = append(hook.Queues, id)
	}
	d.rossum.AddHook(hook)
	for n := range d.cmd.Events {
		id, err := d.rossum.Upload(rossumsim.Upload{
			Payload: payloads[n%len(payloads)], Set: map[string]string{"document_id": fmt.Sprintf("DEMO-%d-%04d", d.cmd.Seed, n+1)},
		})
		if err != nil {
			return err
		}
		d.ids = append(d.ids, id)
	}
	for _, id := range d.ids {
		if _, err := d.rossum.WaitStatus(ctx, id, rossumapi.StatusToReview); err != nil {
			return err
		}
		if err := d.rossum.Confirm(ctx, id, d.user); err != nil {
			return err
		}
	}
	return nil
}

// follow waits until each annotation has got its final status, telling each once.
func (d *demo) follow(ctx context.Context, start time.Time) error {
	for n, id := range d.ids {
		status, err := d.rossum.WaitStatus(ctx, id, rossumapi.StatusExported, rossumapi.StatusFailedExport)
		if err != nil {
			return err
		}
		if d.cmd.JSON {
			continue
		}
		a, err := d.rossum.Annotation(id)
		if err != nil {
			return err
		}
		said := ""
		for _, m := range a.Messages {
			said = m.Content
		}
		fmt.Fprintf(d.out, "%6.1fs  %3d/%d  annotation %d  %s  %s\n", time.Since(start).Seconds(), n+1, len(d.ids), id, status, printable(said))
	}
	return nil
}

// sum counts what is in the journal, at the ERP and in Rossum.
func (d *demo) sum(ctx context.Context, start time.Time) (demoSummary, error) {
	s := demoSummary{Seconds: time.Since(start).Seconds()}
	events := map[run.EventKey]bool{}
	err := d.service.journal.Each(ctx, func(r journal.Record) error {
		events[r.Key] = true
		s.Runs++
		switch {
		case r.State == run.Done:
			s.Done++
		case r.State == run.Dead:
			s.Dead++
		case !r.State.Settled():
			s.Waiting++
		}
		return nil
	})
	s.Accepted = len(events)
	for _, e := range d.erp.Effects() {
		if e.Kind == erpsim.Create {
			s.ERPEffects++
		}
	}
	s.ERPDuplicates = len(d.erp.Duplicates())
	for _, n := range d.erp.Counts().Faults {
		s.ERPFaults += n
	}
	for _, id := range d.ids {
		a, err := d.rossum.Annotation(id)
		if err != nil {
			return s, err
		}
		switch a.Status {
		case rossumapi.StatusExported:
			s.RossumExported++
		case rossumapi.StatusFailedExport:
			s.RossumFailedExport++
		}
	}
	return s, err
}

func (d *demo) print(s demoSummary) error {
	if d.cmd.JSON {
		return json.NewEncoder(d.out).Encode(s)
	}
	fmt.Fprintln(d.out)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "events accepted\t%d\nruns\t%d\t%d done, %d dead, %d waiting\n", s.Accepted, s.Runs, s.Done, s.Dead, s.Waiting)
	fmt.Fprintf(w, "at the ERP\t%d\t%d doubled, %d calls failed on purpose\n", s.ERPEffects, s.ERPDuplicates, s.ERPFaults)
	fmt.Fprintf(w, "in Rossum\t%d\texported, %d failed\n", s.RossumExported, s.RossumFailedExport)
	fmt.Fprintf(w, "seconds\t%.1f\n", s.Seconds)
	return w.Flush()
}
