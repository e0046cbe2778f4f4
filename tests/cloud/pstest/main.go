// Pstest answers Pub/Sub's REST requests by Google's own in-memory fake, which speaks gRPC only.
//
// It listens on a free port of the loopback interface, prints that port, and ends when its standard
// input does. POST /clock with a Go duration ("61s") moves the fake's clock forward.
//
// https://pkg.go.dev/cloud.google.com/go/pubsub/v2/pstest
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// resource matches the path of every method: the resource's name, its collection, and the verb of a
// custom method.
var resource = regexp.MustCompile(`^/v1/(projects/[^/:]+/(topics|subscriptions)/[^/:]+)(:\w+)?$`)

// httpStatus has the errors that pstest returns.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var httpStatus = map[codes.Code]int{
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.FailedPrecondition: http.StatusBadRequest,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.Unimplemented:      http.StatusNotImplemented,
}

// A method makes one gRPC call with the fields of a request and the resource's name.
type method func(ctx context.Context, fields map[string]any, name string) (proto.Message, error)

// call returns the method that sends the name in a field of the request, or in the name of the
// message that this field holds.
// https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto
func call[Request, Response proto.Message](
	send func(context.Context, Request, ...grpc.CallOption) (Response, error), path ...string,
) method {
	return func(ctx context.Context, fields map[string]any, name string) (proto.Message, error) {
		holder := fields
		for _, field := range path[:len(path)-1] {
			inner, _ := holder[field].(map[string]any)
			if inner == nil {
				inner = map[string]any{}
			}
			holder[field], holder = inner, inner
		}
		holder[path[len(path)-1]] = name
		text, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		var empty Request
		request := empty.ProtoReflect().New().Interface().(Request)
		if err := protojson.Unmarshal(text, request); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		return send(ctx, request)
	}
}

func methods(connection *grpc.ClientConn) map[string]method {
	topics := pubsubpb.NewPublisherClient(connection)
	subscriptions := pubsubpb.NewSubscriberClient(connection)
	return map[string]method{
		"PUT topics":                           call(topics.CreateTopic, "name"),
		"GET topics":                           call(topics.GetTopic, "topic"),
		"PATCH topics":                         call(topics.UpdateTopic, "topic", "name"),
		"DELETE topics":                        call(topics.DeleteTopic, "topic"),
		"POST topics:publish":                  call(topics.Publish, "topic"),
		"PUT subscriptions":                    call(subscriptions.CreateSubscription, "name"),
		"GET subscriptions":                    call(subscriptions.GetSubscription, "subscription"),
		"PATCH subscriptions":                  call(subscriptions.UpdateSubscription, "subscription", "name"),
		"DELETE subscriptions":                 call(subscriptions.DeleteSubscription, "subscription"),
		"POST subscriptions:pull":              call(subscriptions.Pull, "subscription"),
		"POST subscriptions:acknowledge":       call(subscriptions.Acknowledge, "subscription"),
		"POST subscriptions:modifyAckDeadline": call(subscriptions.ModifyAckDeadline, "subscription"),
	}
}

// serve answers a REST request.
func serve(methods map[string]method, writer http.ResponseWriter, request *http.Request) {
	answer, err := send(methods, request)
	var text []byte
	if err == nil {
		text, err = protojson.Marshal(answer)
	}
	if err != nil {
		code, known := httpStatus[status.Code(err)]
		if !known {
			code = http.StatusInternalServerError
		}
		text, _ = json.Marshal(map[string]any{
			"error": map[string]any{"code": code, "message": status.Convert(err).Message()},
		})
		writer.WriteHeader(code)
	}
	writer.Write(text)
}

func send(methods map[string]method, request *http.Request) (proto.Message, error) {
	found := resource.FindStringSubmatch(request.URL.Path)
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "no resource: %s", request.URL.Path)
	}
	method := methods[request.Method+" "+found[2]+found[3]]
	if method == nil {
		return nil, status.Errorf(codes.NotFound, "no method: %s %s", request.Method, request.URL.Path)
	}
	fields := map[string]any{}
	err := json.NewDecoder(request.Body).Decode(&fields)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return method(request.Context(), fields, found[1])
}

func main() {
	fake := pstest.NewServerWithAddress("127.0.0.1:0")
	var ahead atomic.Int64
	fake.SetTimeNowFunc(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	insecurely := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient("passthrough:///"+fake.Addr, insecurely)
	if err != nil {
		log.Fatal(err)
	}
	known := methods(connection)
	http.HandleFunc("POST /clock", func(writer http.ResponseWriter, request *http.Request) {
		text, _ := io.ReadAll(request.Body)
		step, err := time.ParseDuration(string(text))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		ahead.Add(int64(step))
	})
	http.HandleFunc("/v1/", func(writer http.ResponseWriter, request *http.Request) {
		serve(known, writer, request)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	io.Copy(io.Discard, os.Stdin)
}
