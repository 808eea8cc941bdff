package configs

// Pipeline is configured work: which events it takes and the steps it runs.
type Pipeline struct {
	// Hook names the hook whose events the pipeline takes.
	Hook string `yaml:"hook" required:"true"`
	// Events taken: annotation_content.export, or a whole event such as annotation_content.
	Events []string `yaml:"events" required:"true"`
	// Queues taken, by name or id; none means all.
	Queues []QueueRef `yaml:"queues"`
	// When is a bare expression; a run whose condition is false is skipped.
	When Expr `yaml:"when"`
	// Key names the invoice: bare expressions for company, supplier, document type, number.
	Key []Expr `yaml:"key"`
	// Newer says what a newer event of the same annotation means: supersede (default), in_order or independent.
	Newer Newer `yaml:"newer" default:"supersede" enum:"supersede,in_order,independent"`
	// Answer: accept (200 at once) or wait (202, Rossum polls). Defaults to wait for export and initialize, else accept.
	Answer AnswerMode `yaml:"answer" enum:"accept,wait"`
	// Wait bounds a wait answer.
	Wait Wait `yaml:"wait"`
	// LateSuccess: re_export (default) PATCHes a failed export to exporting when its delivery succeeds late; note only tells.
	LateSuccess LateSuccess `yaml:"late_success" default:"re_export" enum:"re_export,note"`
	// Content: event (default) works on the payload's content, current fetches it again.
	Content ContentSource `yaml:"content" default:"event" enum:"event,current"`
	// Retry says how failed steps are repeated.
	Retry Retry `yaml:"retry"`
	// Concurrency of the lane over all workers. Defaults to 16.
	Concurrency int `yaml:"concurrency" default:"16" positive:"true"`
	// Backlog is the quota of stored bytes of runs that wait for a worker or for their time; over it this pipeline's events
	// get 503. Defaults to 2GiB.
	Backlog Size `yaml:"backlog" default:"2GiB" positive:"true"`
	// OnDead tells Rossum about a dead run when nobody waits for the answer.
	OnDead OnDead `yaml:"on_dead"`
	// Fields maps ERP error paths to schema ids, so that a rejection reaches its field. Keys are paths, * matches one part.
	Fields Named[string] `yaml:"fields"`
	// Steps run in order.
	Steps []Step `yaml:"steps" required:"true" roles:"worker"`
}

// Newer is what a newer event of the same annotation means for an older run.
type Newer string

// The values of Newer.
const (
	Supersede   Newer = "supersede"
	InOrder     Newer = "in_order"
	Independent Newer = "independent"
)

// AnswerMode is what Rossum is told at once.
type AnswerMode string

// The values of AnswerMode.
const (
	AnswerAccept AnswerMode = "accept"
	AnswerWait   AnswerMode = "wait"
)

// LateSuccess is what happens when a delivery succeeds after Rossum was told it had not.
type LateSuccess string

// The values of LateSuccess.
const (
	LateReExport LateSuccess = "re_export"
	LateNote     LateSuccess = "note"
)

// ContentSource is whose content a run works on.
type ContentSource string

// The values of ContentSource.
const (
	ContentEvent   ContentSource = "event"
	ContentCurrent ContentSource = "current"
)

// Wait bounds a wait answer.
type Wait struct {
	// Hold keeps the POST open this long for a quick ERP before the 202. Defaults to 0.
	Hold Duration `yaml:"hold"`
	// AtMost ends the waiting with an honest error. Defaults to 20m.
	AtMost Duration `yaml:"at_most" default:"20m" positive:"true"`
}

// Retry says how failed steps are repeated: exponential back-off with full jitter.
type Retry struct {
	// First is the upper bound of the first wait. Defaults to 5s.
	First Duration `yaml:"first" default:"5s" positive:"true"`
	// Max bounds every wait. Defaults to 30m.
	Max Duration `yaml:"max" default:"30m"`
	// For is how long a run is tried before it is dead. Defaults to 48h.
	For Duration `yaml:"for" default:"48h" positive:"true"`
	// Attempts bounds the number of attempts of one step; 0 means no bound.
	Attempts int `yaml:"attempts"`
}

// OnDead is what a dead run does in Rossum, each tried in turn, a refusal recorded.
type OnDead struct {
	// Metadata is merged under the relay's own key.
	Metadata Node `yaml:"metadata"`
	// Note adds a note to the annotation.
	Note Template `yaml:"note"`
	// Label to add, by name or id.
	Label string `yaml:"label"`
	// Status PATCHes the annotation along an allowed transition.
	Status string `yaml:"status"`
}

// Step is one unit of work of a run. Its name is its key in the list; what it is follows from the one of Send, Rossum,
// Set, Check, Invoice, or Map/Render (a document without sending it) that is given.
type Step struct {
	Name string `yaml:"-"`
	Pos  Pos    `yaml:"-"`

	// When is a bare expression; a step whose condition is false is left out.
	When Expr `yaml:"when"`

	// Set computes named values, each a template or {jmespath: "..."}; they are steps.<name>.<key>.
	Set Node `yaml:"set" kind:"set"`
	// Check refuses a run when a condition does not hold.
	Check []Check `yaml:"check" kind:"check"`

	// Invoice reads the canonical invoice, for {} from the fields of Rossum's standard schema; it is steps.<name>.
	Invoice *InvoiceStep `yaml:"invoice" kind:"invoice"`

	// Map builds a typed document from a tree of templates.
	Map Node `yaml:"map" kind:"map,send"`
	// Render renders a template file, relative to the configuration.
	Render string `yaml:"render" kind:"render,send"`
	// Body takes a value, such as another step's document.
	Body Expr `yaml:"body" kind:"send"`
	// Format says how map, an invoice, or the value of body becomes bytes: a type, or a map of type and options. Beside render
	// only the type counts.
	Format Format `yaml:"format" kind:"map,render,invoice,send"`
	// Filename of the document, for targets and parts that need one.
	Filename Template `yaml:"filename" kind:"map,render,invoice,send"`

	// Send names the target; one of get, post, put, patch and delete its path, or path for targets without methods.
	Send string `yaml:"send" kind:"send"`
	// Get reads from the target.
	Get Template `yaml:"get" kind:"send"`
	// Post creates.
	Post Template `yaml:"post" kind:"send"`
	// Put writes by key.
	Put Template `yaml:"put" kind:"send"`
	// Patch changes.
	Patch Template `yaml:"patch" kind:"send"`
	// Delete removes.
	Delete Template `yaml:"delete" kind:"send"`
	// Path of the file for sftp, s3 and dir.
	Path Template `yaml:"path" kind:"send"`
	// Query of the request; values are templates and are escaped.
	Query Named[Template] `yaml:"query" kind:"send"`
	// Headers of the request; values are templates.
	Headers Named[Template] `yaml:"headers" kind:"send"`
	// Form sends application/x-www-form-urlencoded, or fields beside files.
	Form Named[Template] `yaml:"form" kind:"send"`
	// Files sends a multipart body whose parts are bare expressions such as document.original.
	Files Named[Expr] `yaml:"files" kind:"send"`
	// Key of the side effect. Defaults to the pipeline's key and the step's name. Sends to one target under the same key are
	// one delivery, whichever pipelines they belong to: what two pipelines deliver both needs another step name or key.
	Key []Expr `yaml:"key" kind:"send"`
	// Repeatable steps have no ledger entry and may be sent again.
	Repeatable bool `yaml:"repeatable" kind:"send"`
	// IdempotencyHeader is sent with a value derived from the step's key, for targets that honour one.
	IdempotencyHeader string `yaml:"idempotency_header" kind:"send"`
	// Timeout of one attempt. Defaults to the target's.
	Timeout Duration `yaml:"timeout" kind:"send"`
	// OK is a bare expression over response that decides success. Defaults to: status is 2xx.
	OK Expr `yaml:"ok" kind:"send"`
	// Outcomes overrule the default classification, first match wins.
	Outcomes []OutcomeRule `yaml:"outcomes" kind:"send"`
	// Find looks whether the effect is already there.
	Find *Find `yaml:"find" kind:"send"`
	// OnUncertain without a look-up: dead (default), retry or assume_done.
	OnUncertain OnUncertain `yaml:"on_uncertain" default:"dead" enum:"dead,retry,assume_done" kind:"send"`
	// OnChange: send delivers a changed document under a known key; the default dead-letters it. What an export that is
	// repeated changes by itself, such as the annotation's times, users and labels, makes no changed document.
	OnChange OnChange `yaml:"on_change" default:"dead" enum:"dead,send" kind:"send"`
	// Keep names values of the hit (the response of a created or found object), kept in the journal and the ledger.
	Keep Named[Expr] `yaml:"keep" kind:"send"`

	// Rossum writes back to the annotation.
	Rossum *RossumStep `yaml:"rossum" kind:"rossum"`
}

// Check is one condition of a check step.
type Check struct {
	Pos Pos `yaml:"-"`
	// That is a bare expression that must hold.
	That Expr `yaml:"that" required:"true"`
	// Error is shown in Rossum when it does not, and rejects the run.
	Error Template `yaml:"error"`
	// Warning is shown in Rossum when it does not; the run goes on.
	Warning Template `yaml:"warning"`
	// Info is shown in Rossum when it does not; the run goes on.
	Info Template `yaml:"info"`
	// Field is the schema id the message belongs to.
	Field string `yaml:"field"`
}

// InvoiceStep says how the canonical invoice is read and checked.
type InvoiceStep struct {
	// Fields of the invoice, such as number or line.unit_price: a schema id, a list of which the first that holds a value
	// counts, or a template, which sees the table row as row. Others come from Rossum's standard schema ids.
	Fields Named[Node] `yaml:"fields"`
	// Units of measure, as the document says them, to codes of UN/ECE recommendation 20; added to the known ones.
	Units Named[string] `yaml:"units"`
	// Gate checks the invoice as an accountant would.
	Gate Gate `yaml:"gate"`
}

// Gate says what a rule that does not hold means: block (the run is rejected at the field), warn or off.
type Gate struct {
	// Tolerance of sums by currency. Defaults to two of the currency's smallest amounts, such as 0.02 EUR.
	Tolerance Named[string] `yaml:"tolerance"`
	// Rules and their severities; see the documentation of the invoice.
	Rules Node `yaml:",inline"`
}

// OutcomeRule maps a response to an outcome.
type OutcomeRule struct {
	Pos Pos `yaml:"-"`
	// Status is a code or class such as 409 or 5xx; empty matches any.
	Status string `yaml:"status"`
	// If is a bare expression over response; empty matches.
	If Expr `yaml:"if"`
	// Outcome: ok, duplicate, retry, throttled, uncertain, reauth, rejected or misconfigured.
	Outcome string `yaml:"outcome" required:"true" enum:"ok,duplicate,retry,throttled,uncertain,reauth,rejected,misconfigured"`
	// Message for people, a template over response.
	Message Template `yaml:"message"`
	// Field is the schema id a rejection belongs to.
	Field string `yaml:"field"`
	// After is the wait of retry and throttled.
	After Duration `yaml:"after"`
}

// Find is the look-up of a send: whether the effect is already at the target.
type Find struct {
	// Get is the path that is read.
	Get Template `yaml:"get"`
	// Post is the path of a search that wants a body.
	Post Template `yaml:"post"`
	// Path of the file for sftp, s3 and dir. Defaults to the step's.
	Path Template `yaml:"path"`
	// Query of the request; values are templates and are escaped.
	Query Named[Template] `yaml:"query"`
	// Headers of the request; values are templates.
	Headers Named[Template] `yaml:"headers"`
	// Body of a search, a tree of templates sent as JSON.
	Body Node `yaml:"body"`
	// OK decides whether the look-up itself worked. Defaults to: status is 2xx, or 404.
	OK Expr `yaml:"ok"`
	// Hit is the found object, or an empty value.
	Hit Expr `yaml:"hit" required:"true"`
	// Same must hold for the hit to be ours; else the run is rejected.
	Same Expr `yaml:"same"`
	// First looks before the first send as well.
	First bool `yaml:"first"`
	// After is how long after an uncertain attempt to look. Defaults to twice the step's time-out.
	After Duration `yaml:"after"`
	// Misses in a row that mean the effect is not there. Defaults to 2.
	Misses int `yaml:"misses" default:"2" positive:"true"`
}

// OnUncertain is what happens to an uncertain step that cannot look.
type OnUncertain string

// The values of OnUncertain.
const (
	UncertainDead       OnUncertain = "dead"
	UncertainRetry      OnUncertain = "retry"
	UncertainAssumeDone OnUncertain = "assume_done"
)

// OnChange is what happens to a delivered key whose document has changed.
type OnChange string

// The values of OnChange.
const (
	ChangeDead OnChange = "dead"
	ChangeSend OnChange = "send"
)

// RossumStep writes back to the annotation.
type RossumStep struct {
	// Set writes field values: schema id to template. In wait mode they travel as operations of the answer.
	Set Named[Template] `yaml:"set"`
	// Metadata is merged under the relay's own key.
	Metadata Node `yaml:"metadata"`
	// Status PATCHes the annotation along an allowed transition.
	Status string `yaml:"status"`
	// Labels to add, by name or id.
	Labels []Template `yaml:"labels"`
	// RemoveLabels are taken away, by name or id.
	RemoveLabels []Template `yaml:"remove_labels"`
	// Note adds a note.
	Note Template `yaml:"note"`
	// Export attaches files to the annotation: a document relation of type export.
	Export *RossumExport `yaml:"export"`
	// Messages reach Rossum with the answer.
	Messages []RossumMessage `yaml:"messages"`
	// AutomationBlockers keep a document from being exported without a review, in the answer to annotation_content.initialize.
	AutomationBlockers []RossumBlocker `yaml:"automation_blockers"`
	// Files answers email.received and upload.created: which files Rossum imports, and with which values. Without it an
	// e-mail's files are all imported.
	Files Node `yaml:"files"`
	// AdditionalFiles answers email.received: documents that are imported beside the e-mail's own.
	AdditionalFiles Node `yaml:"additional_files"`
	// Reply is the answer to invocation.manual, any tree of templates; Rossum hands it to its caller as JSON.
	Reply Node `yaml:"reply"`
}

// RossumExport is a document relation of type export.
type RossumExport struct {
	// Key of the relation. Defaults to the pipeline's name.
	Key string `yaml:"key"`
	// Files by name: bare expressions such as steps.invoice, a step's document, or steps.create.answer, a kept value.
	Files Named[Expr] `yaml:"files" required:"true"`
}

// RossumBlocker is one reason against automation.
type RossumBlocker struct {
	// Text of the reason.
	Text Template `yaml:"text" required:"true"`
	// Field is the schema id it belongs to.
	Field string `yaml:"field"`
}

// RossumMessage is one message of an answer.
type RossumMessage struct {
	// Type: error, warning or info (default).
	Type string `yaml:"type" default:"info" enum:"error,warning,info"`
	// Text of the message.
	Text Template `yaml:"text" required:"true"`
	// Field is the schema id the message belongs to.
	Field string `yaml:"field"`
}

// Format says how a mapped tree or an invoice becomes bytes.
type Format struct {
	// Type: json (default), xml, csv or fixed; ubl or cii of an invoice, whose options are profile, attach and content_type.
	Type string `yaml:"type" default:"json" enum:"json,xml,csv,fixed,ubl,cii"`
	// Options of the type; see the documentation of each format.
	Options Node `yaml:",inline"`
}
