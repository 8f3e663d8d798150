package ort

import (
	"fmt"
	"strconv"

	onnx "github.com/yalue/onnxruntime_go"
)

// CPU is the execution provider that is always there; OpenVINO is another one for the processor, which can multiply in bfloat16.
const (
	CPU      = "cpu"
	OpenVINO = "openvino"
)

// OnProcessor says whether a device is the processor, where a run takes a core or a few and others go on beside it.
func OnProcessor(device string) bool { return device == CPU || device == OpenVINO }

// provider is an execution provider by its name on the command line.
type provider struct {
	name   string
	nvidia bool // its devices have numbers and memory of their own
	append func(o *onnx.SessionOptions, number int, settings Options) error
	needs  string
}

// providers stand in the order in which Auto tries them; the CPU comes last.
var providers = []provider{
	{"cuda", true, appendCUDA, "an NVIDIA GPU, its driver, and the libraries of 'make deps GPU=1'"},
	{"tensorrt", true, appendTensorRT, "an NVIDIA GPU, its driver, the libraries of 'make deps GPU=1', and TensorRT 10 where the system finds it"},
	{"coreml", false, appendCoreML, "macOS"},
	{"directml", false, appendDirectML, "Windows and the DirectML build of ONNX Runtime"},
	{OpenVINO, false, appendOpenVINO, "the libraries of 'make deps OPENVINO=1'"},
	{CPU, false, appendCPU, ""},
}

// cudaOptions are set for CUDA, also where TensorRT leaves nodes to it. The arena in which the runtime keeps a GPU's memory never
// shrinks, so it grows by what is asked for alone; kernels of convolutions are chosen by rule, not tried for each new shape; and
// fp32 is fp32: TensorFloat-32 would keep 10 bits of each factor.
func cudaOptions(number int, settings Options) map[string]string {
	options := map[string]string{
		"device_id":              strconv.Itoa(number),
		"arena_extend_strategy":  "kSameAsRequested",
		"cudnn_conv_algo_search": "HEURISTIC",
		"use_tf32":               "0",
	}
	if settings.Memory > 0 {
		options["gpu_mem_limit"] = strconv.FormatInt(settings.Memory, 10)
	}
	return options
}

// tensorRTOptions keep the engines that are built, for minutes, in a folder. TensorRT takes half precision only where it is told so.
func tensorRTOptions(number int, settings Options) map[string]string {
	options := map[string]string{"device_id": strconv.Itoa(number)}
	if settings.Engines != "" {
		options["trt_engine_cache_enable"] = "1"
		options["trt_engine_cache_path"] = settings.Engines
		options["trt_timing_cache_enable"] = "1"
		options["trt_timing_cache_path"] = settings.Engines
	}
	if settings.Half {
		options["trt_fp16_enable"] = "1"
	}
	if settings.Memory > 0 {
		options["trt_max_workspace_size"] = strconv.FormatInt(settings.Memory, 10)
	}
	return options
}

func appendCUDA(o *onnx.SessionOptions, number int, settings Options) error {
	cuda, err := onnx.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy()
	if err := cuda.Update(cudaOptions(number, settings)); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(cuda)
}

// appendTensorRT has CUDA run what TensorRT can't.
func appendTensorRT(o *onnx.SessionOptions, number int, settings Options) error {
	rt, err := onnx.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer rt.Destroy()
	if err := rt.Update(tensorRTOptions(number, settings)); err != nil {
		return err
	}
	if err := o.AppendExecutionProviderTensorRT(rt); err != nil {
		return err
	}
	return appendCUDA(o, number, settings)
}

func appendCoreML(o *onnx.SessionOptions, _ int, _ Options) error {
	return o.AppendExecutionProviderCoreMLV2(nil)
}

func appendDirectML(o *onnx.SessionOptions, _ int, _ Options) error {
	return o.AppendExecutionProviderDirectML(0)
}

// openVINOOptions have the graph compiled once, for as many requests as there are runs side by side, each with a stream (threads and
// memory of activations) of its own. Left to itself, OpenVINO would multiply in bfloat16 wherever the processor can, and keep 5,000 of
// what it compiles for shapes, which texts have many of: 400 are as fast, and take half the memory.
func openVINOOptions(settings Options) map[string]string {
	precision := "f32"
	if settings.BF16 {
		precision = "bf16"
	}
	return map[string]string{
		"device_type":    "CPU",
		"num_of_threads": strconv.Itoa(settings.Runs), // of requests, where load_config tells the threads
		"load_config": fmt.Sprintf(`{"CPU": {"INFERENCE_PRECISION_HINT": "%s", "NUM_STREAMS": "%d", "INFERENCE_NUM_THREADS": "%d",
			"ENABLE_HYPER_THREADING": "YES", "ENABLE_CPU_PINNING": "NO", "CPU_RUNTIME_CACHE_CAPACITY": "400"}}`, precision, settings.Runs, settings.Runs*settings.Threads),
	}
}

func appendOpenVINO(o *onnx.SessionOptions, _ int, settings Options) error {
	return o.AppendExecutionProviderOpenVINO(openVINOOptions(settings))
}

func appendCPU(*onnx.SessionOptions, int, Options) error { return nil }
