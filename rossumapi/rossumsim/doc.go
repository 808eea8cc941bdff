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
// [Switches]. Events the simulator has no part in, such as email.received,
// are sent with [Sim.Fire].
//
// Not simulated: page editing, splitting, copying and assignment of
// annotations, PUT and the PATCH of a whole content tree, page images and OCR text, workflows (no way into in_workflow but
// [Sim.SetStatus]), connectors, rules, triggers, e-mail import, memberships,
// JWT and session logins, Basic authentication, roles beyond admin and not
// admin, cron schedules (see [Sim.FireScheduled]), XLSX export, the reshaping
// of annotations by a changed schema, formulas, confidence and constraint
// checks, archives of documents, client certificates of hooks, and job hooks.
package rossumsim
