package console

import (
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// run is the run of the request's path.
func (c *call) run() (run.ID, error) {
	return whole(c.r.Context(), c.op, c.r.PathValue("run"))
}

// onRun reads a body and acts on the path's run.
func onRun[B any](c *call, act func(run.ID, B) (any, error)) (any, error) {
	var b B
	if err := c.read(&b); err != nil {
		return nil, err
	}
	id, err := c.run()
	if err != nil {
		return nil, err
	}
	return act(id, b)
}

func apiRun(c *call) (any, error) {
	id, err := c.run()
	if err != nil {
		return nil, err
	}
	return c.op.Show(c.r.Context(), id, false, "")
}

func apiStory(c *call) (any, error) {
	id, err := c.run()
	if err != nil {
		return nil, err
	}
	lines, err := c.op.Explain(c.r.Context(), string(id))
	return Story{lines}, err
}

func apiReveal(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ReasonBody) (any, error) { return c.op.Show(c.r.Context(), id, true, b.Reason) })
}

func apiReplay(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ReplayBody) (any, error) {
		return nil, c.op.Replay(c.r.Context(), id, operate.ReplayOptions{FromStart: b.FromStart, Force: b.Force, Why: b.Reason})
	})
}

func apiEdit(c *call) (any, error) {
	return onRun(c, func(id run.ID, b EditBody) (any, error) { return c.s.edit(c.r.Context(), c.op, id, b) })
}

func apiResolve(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ResolveBody) (any, error) {
		return nil, c.op.Resolve(c.r.Context(), id, operate.Resolution{Delivered: b.Delivered, Kept: b.Kept, Why: b.Reason})
	})
}

func apiDrop(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ReasonBody) (any, error) { return nil, c.op.Drop(c.r.Context(), id, b.Reason) })
}

func apiCancel(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ReasonBody) (any, error) { return nil, c.op.Cancel(c.r.Context(), id, b.Reason) })
}

func apiResume(c *call) (any, error) {
	return onRun(c, func(id run.ID, b ReasonBody) (any, error) { return nil, c.op.Resume(c.r.Context(), id, b.Reason) })
}
