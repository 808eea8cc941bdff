package console

import (
	"context"
	"fmt"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// PipelineDetail is one pipeline.
type PipelineDetail struct {
	PipelineLine
	Attempts []index.Attempt `json:"attempts"`
	// Config is the configuration as loaded, YAML with secrets as dots.
	Config string `json:"config,omitempty"`
}

// TargetDetail is one target.
type TargetDetail struct {
	TargetLine
	Attempts []index.Attempt `json:"attempts"`
	// Config is the configuration as loaded, YAML with secrets as dots.
	Config string `json:"config"`
}

func (s *Server) pipeline(ctx context.Context, op *operate.Operator, name string) (PipelineDetail, error) {
	all, err := s.pipelines(ctx, op)
	if err != nil {
		return PipelineDetail{}, err
	}
	for _, p := range all {
		if p.Name != name {
			continue
		}
		d := PipelineDetail{PipelineLine: p}
		if cfg, ok := s.Config.Pipelines.Get(name); ok {
			d.Config = configText(cfg)
		}
		d.Attempts, err = s.Index.Attempts(ctx, "", name, attemptRows)
		return d, err
	}
	return PipelineDetail{}, fmt.Errorf("pipeline %q: %w", name, operate.ErrUnknown)
}

func (s *Server) target(ctx context.Context, op *operate.Operator, name string) (TargetDetail, error) {
	all, err := s.targets(ctx, op)
	if err != nil {
		return TargetDetail{}, err
	}
	for _, t := range all {
		if t.Name != name {
			continue
		}
		cfg, _ := s.Config.Targets.Get(name)
		d := TargetDetail{TargetLine: t, Config: configText(cfg)}
		d.Attempts, err = s.Index.Attempts(ctx, name, "", attemptRows)
		return d, err
	}
	return TargetDetail{}, fmt.Errorf("target %q: %w", name, operate.ErrUnknown)
}
