package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	fetchWait   = 20 * time.Second
	fetchBeat   = 2 * time.Second
	ackWithin   = 10 * time.Second
	rebuildWait = time.Second
	moverSlots  = 16
	moverName   = "mover"
	moverWait   = 5 * time.Second // a frozen process keeps due messages from the others so long; moving twice is harmless
	moverAgain  = 2 * time.Second
	shutLook    = time.Second
	lanePrefix  = "lane-"
)

// Lane is one durable consumer of the work queue.
type Lane struct {
	Name string
	// Limit of messages in work over all workers; Slots of this process.
	Limit, Slots int
	// AckWait is how long a message may be in work without a Renew before another worker gets it.
	AckWait time.Duration
	// Shut says for how much longer nothing is to be taken; it is asked before each fetch. Nil is never.
	Shut func(context.Context) time.Duration
}

// Delivery is one message of a run. The handler must end it with Ack or Nak; a Delivery it forgets comes again after
// the lane's AckWait.
type Delivery struct {
	Envelope
	Payload Payload
	// Broken says why the envelope could not be read; only Raw is set then.
	Broken error
	Raw    []byte
	Header map[string][]string
	Lane   string
	msg    jetstream.Msg
	q      *Queue
}

// Ack settles the message for good and returns when the server has it. The next state must have been stored before.
func (d *Delivery) Ack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWithin)
	defer cancel()
	if err := d.q.tapped("ack", streamEvents+" "+d.msg.Subject(), func() error { return d.msg.DoubleAck(ctx) }); err != nil {
		return fmt.Errorf("queue: ack run %s: %w", d.Run, err)
	}
	return nil
}

// Nak gives the message back, to come again after the delay. For seconds only: it holds one of the lane's places.
func (d *Delivery) Nak(delay time.Duration) error {
	if err := d.msg.NakWithDelay(delay); err != nil {
		return fmt.Errorf("queue: nak run %s: %w", d.Run, err)
	}
	return nil
}

// Renew starts the AckWait again.
func (d *Delivery) Renew() error {
	if err := d.msg.InProgress(); err != nil {
		return fmt.Errorf("queue: renew run %s: %w", d.Run, err)
	}
	return nil
}

// Consume takes the lane's messages and calls handle for each, at most Slots at once, until ctx ends; then it waits for
// the handlers and returns. It survives a lost leader, a deleted consumer and a reconnect. The handlers get a context
// that is not cancelled with ctx, so that stopping drains.
func (q *Queue) Consume(ctx context.Context, lane Lane, handle func(context.Context, *Delivery)) error {
	cfg := jetstream.ConsumerConfig{
		Durable: lanePrefix + lane.Name, FilterSubject: "ev." + lane.Name + ".>", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: lane.AckWait, MaxDeliver: -1, MaxAckPending: lane.Limit,
	}
	return q.consume(ctx, streamEvents, cfg, lane.Slots, lane.Shut, func(ctx context.Context, m jetstream.Msg) {
		handle(ctx, q.delivery(lane.Name, m))
	})
}

func (q *Queue) delivery(lane string, m jetstream.Msg) *Delivery {
	d := &Delivery{msg: m, q: q, Lane: lane, Header: m.Headers()}
	if d.Envelope, d.Broken = parseEnvelope(m.Headers()); d.Broken != nil {
		d.Raw = m.Data()
		return d
	}
	d.Payload = payloadOf(m.Headers(), m.Data())
	return d
}

// Move brings due schedules back into their lanes until ctx ends. Any number of processes may do so at once.
func (q *Queue) Move(ctx context.Context) error {
	cfg := jetstream.ConsumerConfig{
		Durable: moverName, FilterSubject: "due.>", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: moverWait, MaxDeliver: -1, MaxAckPending: 4 * moverSlots,
	}
	return q.consume(ctx, streamRetry, cfg, moverSlots, nil, q.moveOne)
}

// moveOne publishes what is due under an id of its own: the server may fire a schedule twice, and each time it purges the
// schedule that the run has by then, a later one perhaps. The run's worker makes that good, if only it gets the message.
// Server headers of the schedule are not copied.
func (q *Queue) moveOne(ctx context.Context, m jetstream.Msg) {
	e, err := parseEnvelope(m.Headers())
	lane := m.Headers().Get(headerLane)
	if err != nil || lane == "" {
		q.log.Error("a due message without an envelope is set aside; see the stream RETRY", zap.Error(err))
		_ = m.NakWithDelay(time.Hour)
		return
	}
	meta, err := m.Metadata()
	if err == nil {
		id := e.MessageID() + ":" + strconv.FormatUint(meta.Sequence.Stream, 10)
		_, err = q.publishAs(ctx, id, lane, e, payloadOf(m.Headers(), m.Data()))
	}
	if err != nil {
		q.log.Warn("a due run cannot go back into its lane yet", zap.String("run", string(e.Run)), zap.Error(err))
		_ = m.NakWithDelay(moverAgain)
		return
	}
	ackCtx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	if err := q.tapped("ack", streamRetry+" "+m.Subject(), func() error { return m.DoubleAck(ackCtx) }); err != nil {
		q.log.Warn("a moved run is moved again later, which is harmless", zap.String("run", string(e.Run)), zap.Error(err))
	}
}

// consume fetches no more than it has free slots for, so that no message waits in this process while its time to be
// acknowledged runs.
func (q *Queue) consume(
	ctx context.Context, stream string, cfg jetstream.ConsumerConfig, slots int, shut func(context.Context) time.Duration,
	handle func(context.Context, jetstream.Msg),
) error {
	free := make(chan struct{}, slots)
	var wg sync.WaitGroup
	defer wg.Wait()
	work := context.WithoutCancel(ctx)
	var cons jetstream.Consumer
	for ctx.Err() == nil {
		if cons == nil {
			var err error
			if cons, err = q.js.CreateOrUpdateConsumer(ctx, stream, cfg); err != nil {
				if ctx.Err() != nil {
					break
				}
				q.log.Error("queue consumer cannot be made", zap.String("consumer", cfg.Durable), zap.Error(err))
				pause(ctx, rebuildWait)
				continue
			}
		}
		waitOpen(ctx, shut)
		n := acquire(ctx, free, slots)
		if n == 0 {
			break
		}
		taken, err := q.fetch(ctx, cons, n, func(m jetstream.Msg) {
			wg.Go(func() {
				defer func() { <-free }()
				handle(work, m)
			})
		})
		for range n - taken {
			<-free
		}
		if err != nil && ctx.Err() == nil {
			q.log.Debug("queue fetch", zap.String("consumer", cfg.Durable), zap.Error(err))
			if errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, nats.ErrNoResponders) {
				cons = nil
			}
			pause(ctx, retryPause)
		}
	}
	return nil
}

// waitOpen blocks while a lane is shut. It looks again each second: what shut it may end sooner than it said.
func waitOpen(ctx context.Context, shut func(context.Context) time.Duration) {
	if shut == nil {
		return
	}
	for ctx.Err() == nil {
		left := shut(ctx)
		if left <= 0 {
			return
		}
		pause(ctx, min(left, shutLook))
	}
}

// acquire waits for one slot and takes all that are free.
func acquire(ctx context.Context, free chan struct{}, slots int) int {
	select {
	case free <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	n := 1
	for n < slots {
		select {
		case free <- struct{}{}:
			n++
		default:
			return n
		}
	}
	return n
}

// fetch hands over up to n messages. It returns as soon as one slot's worth has come and no more is there, so that
// slots freed meanwhile are used.
func (q *Queue) fetch(ctx context.Context, cons jetstream.Consumer, n int, take func(jetstream.Msg)) (taken int, err error) {
	batch, err := cons.FetchNoWait(n)
	if err != nil {
		return 0, err
	}
	for m := range batch.Messages() {
		taken++
		take(m)
	}
	if taken > 0 || ctx.Err() != nil {
		return taken, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	batch, err = cons.Fetch(1, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(fetchBeat))
	if err != nil {
		return 0, err
	}
	for m := range batch.Messages() {
		taken++
		take(m)
	}
	if err := batch.Error(); err != nil && ctx.Err() == nil && !errors.Is(err, nats.ErrTimeout) {
		return taken, err
	}
	return taken, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
