package spannerdb

import (
	"context"
	"path"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// callsMetric counts round trips to Spanner, each attempt of each call: the
// telemetry room's SpannerCalls, of its meter, which adapters do not import.
const (
	callsMetric = "worker_network_spanner_calls_total"
	callsMeter  = "github.com/BlockRunAI/worker-network"
)

// counted makes a client count its calls, by method and code. A stream's code
// is that of its opening.
func counted() []option.ClientOption {
	unary := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		count(ctx, method, err)
		return err
	}
	stream := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		s, err := open(ctx, desc, cc, method, opts...)
		count(ctx, method, err)
		return s, err
	}
	return []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(unary)),
		option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(stream)),
	}
}

func count(ctx context.Context, method string, err error) {
	if calls, bad := otel.Meter(callsMeter).Int64Counter(callsMetric); bad == nil {
		calls.Add(ctx, 1, metric.WithAttributes(attribute.String("method", path.Base(method)), attribute.String("code", status.Code(err).String())))
	}
}
