// Package rossumsim simulates Rossum for tests, demos and users' own trials:
// the API a relay calls, and the dispatcher that calls webhooks.
//
// A [Sim] is an in-memory Rossum behind a real HTTP server. Its clock runs
// [Options.Speed] times as fast as real time, or stands still until
// [Sim.Advance]; all of Rossum's waits follow it. Objects come from
// [Sim.Import] and [Sim.Upload], which take over a real webhook payload, or
// from the Add functions; [Sim.Confirm] and its like play the user;
// [Sim.WaitStatus], [Sim.Calls] and [Sim.Content] observe; [Sim.Inject] and
// [Sim.Redeliver] make trouble.
//
// Where Rossum's behaviour is not documented there is a switch, see
// [Switches]. Not simulated: page editing, splitting and copying of
// annotations, page images and OCR text, workflows (no way into in_workflow),
// connectors, rules, triggers, e-mail import and the event email.received,
// memberships, cron schedules (see [Sim.FireScheduled]), XLSX export, the
// reshaping of annotations by a changed schema, formulas, confidence and
// constraint checks, the download of document archives, and Basic
// authentication.
package rossumsim
