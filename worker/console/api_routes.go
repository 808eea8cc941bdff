package console

import (
	"net/http"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func letterParams() []param {
	return []param{
		{"q", "run id or its first six characters, annotation id, whole part of the invoice's key, id at the ERP, or words of the indexed fields"},
		{"pipeline", "name"}, {"target", "name"}, {"reason", "reason code, such as http_400"}, {"outcome", "such as rejected or uncertain"},
		{"cause", "from /dead/groups"}, {"annotation", "id"}, {"since", "died since: 24h, 7d, a date or a time"},
	}
}

func runParams() []param {
	return []param{
		{"q", "run id or its first six characters, annotation id, whole part of the invoice's key, id at the ERP, or words of the indexed fields"},
		{"state", "running, waiting, parked, done, skipped, superseded, dead, cancelled or dropped"}, {"pipeline", "name"}, {"annotation", "id"},
		{"since", "received since: 24h, 7d, a date or a time"}, {"until", "received before"},
	}
}

func pageParams() []param {
	return []param{{"before", "next of the page before"}, {"limit", "rows, at most 500"}}
}

// routes are the operations of the API: all that the pages can do.
func routes() []route {
	const view, acting, reveal = configs.MayView, configs.MayOperate, configs.MayReveal
	return []route{
		{"GET", "/overview", view, "What needs a human, and how all goes", nil, nil, Overview{}, 0, apiOverview},
		{"GET", "/dead", view, "List dead letters, newest event first", append(letterParams(), pageParams()...), nil, RunList{}, 0, apiDead},
		{"GET", "/dead/groups", view, "List the causes of dead letters, the largest first", letterParams(), nil, Groups{}, 0, apiGroups},
		{"POST", "/dead/bulk", acting, "Replay or drop all dead letters that match", nil, BulkBody{}, Job{}, http.StatusAccepted, apiBulk},
		{"POST", "/dead/export", view, "Dead letters in one redacted file for a ticket", nil, ExportBody{}, operate.Export{}, 0, apiExport},
		{"GET", "/jobs", view, "List bulk actions of this console", nil, nil, []Job{}, 0, apiJobs},
		{"GET", "/jobs/{job}", view, "Look at a bulk action", nil, nil, Job{}, 0, apiJob},
		{"POST", "/jobs/{job}/stop", acting, "Stop a bulk action", nil, nil, nil, 0, apiStop},
		{"GET", "/runs", view, "Search runs, newest first", append(runParams(), pageParams()...), nil, RunList{}, 0, apiRuns},
		{"GET", "/runs/{run}", view, "All there is to see of one run, values masked", nil, nil, operate.Detail{}, 0, apiRun},
		{"GET", "/runs/{run}/story", view, "Tell one run's story in plain lines", nil, nil, Story{}, 0, apiStory},
		{"POST", "/runs/{run}/reveal", reveal, "Show one run with values in clear; this is noted", nil, ReasonBody{}, operate.Detail{}, 0, apiReveal},
		{"POST", "/runs/{run}/replay", acting, "Send a dead run back to work", nil, ReplayBody{}, nil, 0, apiReplay},
		{"POST", "/runs/{run}/edit", acting, "Correct a dead run, look at what changes, replay it", nil, EditBody{}, EditResult{}, 0, apiEdit},
		{"POST", "/runs/{run}/resolve", acting, "Say whether an uncertain delivery is at the target", nil, ResolveBody{}, nil, 0, apiResolve},
		{"POST", "/runs/{run}/drop", acting, "End a dead run for good", nil, ReasonBody{}, nil, 0, apiDrop},
		{"POST", "/runs/{run}/cancel", acting, "End a run that has not ended", nil, ReasonBody{}, nil, 0, apiCancel},
		{"POST", "/runs/{run}/resume", acting, "Wake a waiting or parked run now", nil, ReasonBody{}, nil, 0, apiResume},
		{"GET", "/pipelines", view, "List pipelines and how they do", nil, nil, []PipelineLine{}, 0, apiPipelines},
		{"GET", "/pipelines/{name}", view, "One pipeline: attempts and configuration", nil, nil, PipelineDetail{}, 0, apiPipeline},
		{"GET", "/targets", view, "List targets and how they do", nil, nil, []TargetLine{}, 0, apiTargets},
		{"GET", "/targets/{name}", view, "One target: attempts and configuration", nil, nil, TargetDetail{}, 0, apiTarget},
		{"GET", "/holds", view, "List what is held", nil, nil, []limits.Hold{}, 0, apiHolds},
		{"POST", "/holds", acting, "Deliver nothing to a target, of a pipeline or for an annotation", nil, HoldBody{}, nil, 0, apiHold},
		{"DELETE", "/holds/{kind}/{name}", acting, "Lift a hold and wake what it parked", []param{{"reason", "why"}}, nil, Lifted{}, 0, apiLift},
		{"GET", "/deliveries", view, "Look at what was delivered, newest first", append(lineParams(), pageParams()...), nil, LineList{}, 0, apiLines},
		{"DELETE", "/deliveries/{line}", acting, "Forget a delivery: if the invoice comes again it is delivered again", []param{{"reason", "why"}}, nil, nil, 0, apiForget},
		{"GET", "/audit", view, "What operators did, newest first", []param{{"since", "24h, 7d, a date or a time"}, {"who", "only of this one"}, {"limit", "rows, at most 500"}}, nil, []operate.Action{}, 0, apiAudit},
	}
}

func lineParams() []param {
	return []param{{"q", "whole part of the key, id at the ERP, run id or annotation id"}, {"target", "part of the instance's name"}, {"state", "reserved, uncertain or delivered"}}
}

// ExportBody names dead runs.
type ExportBody struct {
	Runs []run.ID `json:"runs"`
}

// Story is a run's story in plain lines.
type Story struct {
	Lines []string `json:"lines"`
}

// Lifted tells how many runs a hold had parked.
type Lifted struct {
	Woken int `json:"woken"`
}

func apiOverview(c *call) (any, error) { return c.s.overview(c.r.Context(), c.op) }

func apiDead(c *call) (any, error) { return c.list(true) }

func apiRuns(c *call) (any, error) { return c.list(false) }

// list answers a search.
func (c *call) list(dead bool) (RunList, error) {
	v := c.r.URL.Query()
	q, err := queryOf(v, dead, c.s.Now())
	if err != nil {
		return RunList{}, err
	}
	most, err := limit(v)
	if err != nil {
		return RunList{}, err
	}
	before, err := number(v, "before")
	if err != nil {
		return RunList{}, err
	}
	list, err := c.s.runs(c.r.Context(), c.op, q, before, most)
	if err == nil && dead {
		list.Count, err = c.s.Index.Count(c.r.Context(), q)
	}
	return list, err
}

func apiGroups(c *call) (any, error) {
	q, err := queryOf(c.r.URL.Query(), true, c.s.Now())
	if err != nil {
		return nil, err
	}
	groups, causes, err := c.s.groups(c.r.Context(), c.op, q, groupRows)
	return Groups{groups, causes}, err
}

func apiBulk(c *call) (any, error) {
	var b BulkBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	return c.s.bulk(c.r.Context(), c.op, b)
}

func apiExport(c *call) (any, error) {
	var b ExportBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if len(b.Runs) == 0 || len(b.Runs) > pageRows {
		return nil, bad("runs: one to 50 runs")
	}
	return c.op.Export(c.r.Context(), b.Runs)
}

func apiJobs(c *call) (any, error) { return c.s.jobs.list(), nil }

func apiJob(c *call) (any, error) { return c.s.jobs.find(c.r.PathValue("job")) }

func apiStop(c *call) (any, error) { return nil, c.stopJob() }

func (c *call) stopJob() error {
	id := c.r.PathValue("job")
	if _, err := c.s.jobs.find(id); err != nil {
		return err
	}
	if err := c.op.Trace(c.r.Context(), "bulk action "+id, "stopped", ""); err != nil {
		return err
	}
	return c.s.jobs.end(id)
}

func apiPipelines(c *call) (any, error) { return c.s.pipelines(c.r.Context(), c.op) }

func apiPipeline(c *call) (any, error) {
	return c.s.pipeline(c.r.Context(), c.op, c.r.PathValue("name"))
}

func apiTargets(c *call) (any, error) { return c.s.targets(c.r.Context(), c.op) }

func apiTarget(c *call) (any, error) {
	return c.s.target(c.r.Context(), c.op, c.r.PathValue("name"))
}

func apiHolds(c *call) (any, error) {
	held, err := c.op.Held(c.r.Context())
	if held == nil {
		held = []limits.Hold{}
	}
	return held, err
}

func apiHold(c *call) (any, error) {
	var b HoldBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	return nil, c.op.Hold(c.r.Context(), b.Kind, b.Name, b.Reason)
}

func apiLift(c *call) (any, error) {
	woken, err := c.op.Lift(c.r.Context(), c.r.PathValue("kind"), c.r.PathValue("name"), c.r.URL.Query().Get("reason"))
	return Lifted{woken}, err
}

func apiLines(c *call) (any, error) { return c.lines() }

func apiForget(c *call) (any, error) {
	return nil, c.op.Forget(c.r.Context(), c.r.PathValue("line"), c.r.URL.Query().Get("reason"))
}

func apiAudit(c *call) (any, error) { return c.audit() }

// auditDays is how far back the audit log is shown when nothing else is asked for.
const auditDays = 7

// audit lists what operators did, newest first.
func (c *call) audit() ([]operate.Action, error) {
	v := c.r.URL.Query()
	since, err := moment(v, "since", c.s.Now())
	if err != nil {
		return nil, err
	}
	if since.IsZero() {
		since = c.s.Now().AddDate(0, 0, -auditDays)
	}
	most, err := limit(v)
	if err != nil {
		return nil, err
	}
	all := make([]operate.Action, 0, most)
	err = c.op.Audit(c.r.Context(), func(a operate.Action) error {
		if a.At.Before(since) || v.Get("who") != "" && a.Who != v.Get("who") {
			return nil
		}
		if len(all) == most {
			all = append(all[:0], all[1:]...)
		}
		all = append(all, a)
		return nil
	})
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, err
}

// attemptRows is how many attempts a target or pipeline is shown with.
const attemptRows = 50
