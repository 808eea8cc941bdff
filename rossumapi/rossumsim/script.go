package rossumsim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Step is one thing to do in a script, or through the control API. Do is one of
//
//	upload     a document of Payload or File, with Set; Status puts it there without calling a hook
//	open, edit, confirm   what User does in the UI; edit sets Field to Value
//	status     PATCH the status as User would
//	wait       until the annotation has Status
//	fire       Payload or File to the hook of the id Hook
//	fault      Fault of the API
//	delivery   Delivery: a fault of hook calls
//	redeliver  the call of the id Call again
//	advance    nothing but After, on a manual clock too
type Step struct {
	After string `json:"after,omitempty"` // simulated time that passes before, such as 12m
	Do    string `json:"do"`

	Annotation string `json:"annotation,omitempty"` // an id, or a name that an upload was given; Defaults to the newest
	As         string `json:"as,omitempty"`         // names the upload
	User       string `json:"user,omitempty"`       // a username; Defaults to the first user
	Status     string `json:"status,omitempty"`

	Payload json.RawMessage   `json:"payload,omitempty"`
	File    string            `json:"file,omitempty"` // a payload; scripts only
	Set     map[string]string `json:"set,omitempty"`
	Field   string            `json:"field,omitempty"`
	Value   string            `json:"value,omitempty"`
	Hook    int64             `json:"hook,omitempty"` // Defaults to the first
	Call    int               `json:"call,omitempty"`

	Fault    *Fault         `json:"fault,omitempty"`
	Delivery *DeliveryFault `json:"delivery,omitempty"`
}

// Player plays steps, and remembers the names of uploads. Its methods may be called from several goroutines.
type Player struct {
	sim   *Sim
	read  func(file string) ([]byte, error)
	names map[string]int64 // with Sim.mu held
}

// NewPlayer makes a player. Read, nil for none, gives the files that steps name.
func (s *Sim) NewPlayer(read func(file string) ([]byte, error)) *Player {
	return &Player{sim: s, read: read, names: map[string]int64{}}
}

// Play does one step, and blocks until it is done or ctx ends. It returns the annotation it was about, 0 for none.
func (p *Player) Play(ctx context.Context, step Step) (annotation int64, err error) {
	if err := p.pass(ctx, step.After); err != nil {
		return 0, err
	}
	switch step.Do {
	case "advance":
		return 0, nil
	case "upload":
		return p.upload(step)
	case "fire":
		return 0, p.fire(step)
	case "fault", "delivery", "redeliver":
		return 0, p.disturb(step)
	case "open", "edit", "confirm", "status", "wait":
	default:
		return 0, fmt.Errorf("unknown step %q", step.Do)
	}
	if annotation, err = p.annotation(step.Annotation); err != nil {
		return 0, err
	}
	return annotation, p.act(ctx, annotation, step)
}

// pass lets simulated time pass.
func (p *Player) pass(ctx context.Context, after string) error {
	if after == "" {
		return nil
	}
	d, err := time.ParseDuration(after)
	if err != nil || d < 0 {
		return fmt.Errorf("after: want a duration such as 12m, not %q", after)
	}
	if p.sim.clock.manual {
		return p.sim.Advance(ctx, d)
	}
	return p.sim.clock.sleep(ctx, d)
}

func (p *Player) payload(step Step) ([]byte, error) {
	switch {
	case step.Payload != nil:
		return step.Payload, nil
	case step.File != "" && p.read != nil:
		return p.read(step.File)
	}
	return nil, fmt.Errorf("%s needs a payload", step.Do)
}

func (p *Player) upload(step Step) (int64, error) {
	payload, err := p.payload(step)
	if err != nil {
		return 0, err
	}
	id, err := p.sim.Upload(Upload{Payload: payload, Set: step.Set, Status: step.Status})
	if err != nil {
		return 0, err
	}
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	if step.As != "" {
		p.names[step.As] = id
	}
	return id, nil
}

func (p *Player) fire(step Step) error {
	payload, err := p.payload(step)
	if err != nil {
		return err
	}
	hooks := p.sim.Objects("hooks")
	if step.Hook == 0 && len(hooks) > 0 {
		step.Hook = hooks[0]
	}
	return p.sim.Fire(step.Hook, payload)
}

func (p *Player) disturb(step Step) error {
	switch {
	case step.Do == "redeliver":
		return p.sim.Redeliver(step.Call)
	case step.Do == "fault" && step.Fault != nil:
		p.sim.Inject(*step.Fault)
	case step.Do == "delivery" && step.Delivery != nil:
		p.sim.InjectDelivery(*step.Delivery)
	default:
		return fmt.Errorf("%s says nothing to do", step.Do)
	}
	return nil
}

func (p *Player) act(ctx context.Context, annotation int64, step Step) error {
	user, err := p.user(step.User)
	if err != nil {
		return err
	}
	switch step.Do {
	case "open":
		return p.sim.Open(ctx, annotation, user)
	case "edit":
		return p.sim.Edit(ctx, annotation, step.Field, step.Value)
	case "confirm":
		return p.sim.Confirm(ctx, annotation, user)
	case "wait":
		_, err := p.sim.WaitStatus(ctx, annotation, step.Status)
		return err
	}
	if !knownStatus(step.Status) {
		return fmt.Errorf("unknown status %q", step.Status)
	}
	p.sim.SetStatus(annotation, step.Status, user)
	return nil
}

func (p *Player) annotation(name string) (int64, error) {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	id, known := p.names[name]
	all := p.sim.collections["annotations"].ordered()
	switch {
	case known:
	case name != "":
		id, _ = strconv.ParseInt(name, 10, 64) // 0 is no annotation
	case len(all) > 0:
		id = all[len(all)-1].id
	}
	if p.sim.annotations[id] == nil {
		return 0, fmt.Errorf("there is no annotation %q", name)
	}
	return id, nil
}

func (p *Player) user(username string) (int64, error) {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	users := p.sim.collections["users"].ordered()
	at := slices.IndexFunc(users, func(u *entity) bool { return username == "" || u.text("username") == username })
	if at < 0 {
		return 0, fmt.Errorf("there is no user %q", username)
	}
	return users[at].id, nil
}

// controlRoutes are for tests that run in another process, and for people with curl. Like the simulator itself they are
// not for a public address.
func (s *Sim) controlRoutes(mux *http.ServeMux) {
	player := s.NewPlayer(nil)
	mux.HandleFunc("POST /_sim/steps", func(w http.ResponseWriter, r *http.Request) {
		const maxStep = 60 << 20
		var step Step
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxStep))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&step)
		var annotation int64
		if err == nil {
			annotation, err = player.Play(r.Context(), step)
		}
		if err != nil {
			s.write(w, problem(http.StatusBadRequest, "", err.Error()))
			return
		}
		s.write(w, ok(map[string]any{"annotation": annotation}))
	})
	mux.HandleFunc("GET /_sim/calls", func(w http.ResponseWriter, _ *http.Request) {
		calls := []any{}
		for _, c := range s.Calls(0) {
			calls = append(calls, map[string]any{"id": c.ID, "hook": c.HookID, "event": c.Event, "annotation": c.Annotation, "attempts": c.Attempts,
				"polls": c.Polls, "status_code": c.StatusCode, "done": c.Done, "failure": c.Failure, "response": string(c.Response)})
		}
		s.write(w, ok(map[string]any{"results": calls}))
	})
	mux.HandleFunc("GET /_sim/annotations", func(w http.ResponseWriter, _ *http.Request) {
		statuses := []any{}
		for _, id := range s.Annotations() {
			if a, err := s.Annotation(id); err == nil {
				statuses = append(statuses, map[string]any{"id": id, "status": a.Status, "messages": a.Messages})
			}
		}
		s.write(w, ok(map[string]any{"results": statuses}))
	})
}

// DecodeScript reads a script: a JSON list of steps.
func DecodeScript(data []byte) ([]Step, error) {
	var steps []Step
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&steps); err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	if len(steps) == 0 {
		return nil, errors.New("script: no steps")
	}
	return steps, nil
}
