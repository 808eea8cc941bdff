package reconcile

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Loop compares, and fixes where reconcile.fix says so, every reconcile.every until ctx ends; it returns at once where
// that is 0. The first comparison comes after one interval. turn reports whether this process is the one to do it; nil
// means always. Findings and failures are logged; it blocks.
func (r *Reconciler) Loop(ctx context.Context, log *zap.Logger, turn func() bool) {
	cfg := r.Config.Reconcile
	if cfg.Every <= 0 {
		return
	}
	ticker := time.NewTicker(cfg.Every.D())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if turn != nil && !turn() {
			continue
		}
		if err := r.round(ctx, log); err != nil && ctx.Err() == nil {
			log.Warn("reconciliation failed; it is tried again in its next turn", zap.Error(err))
		}
	}
}

func (r *Reconciler) round(ctx context.Context, log *zap.Logger) error {
	cfg := r.Config.Reconcile
	report, err := r.Look(ctx, r.Now().Add(-cfg.Since.D()))
	if err != nil {
		return err
	}
	if cfg.Fix {
		err = r.Fix(ctx, report)
	}
	log.Info("reconciliation", zap.Int("annotations", report.Annotations), zap.Int("findings", len(report.Findings)), zap.Int("open", report.Open()))
	const shown = 20
	for _, f := range report.Findings[:min(len(report.Findings), shown)] {
		log.Warn("reconciliation found", zap.String("kind", string(f.Kind)), zap.String("pipeline", f.Pipeline), zap.Int64("annotation", f.Annotation),
			zap.String("event", f.Event), zap.String("status", f.Status), zap.String("run", string(f.Run)), zap.String("message", f.Message),
			zap.String("remedy", string(f.Remedy)), zap.Bool("fixed", f.Fixed), zap.String("problem", f.Problem))
	}
	return err
}
