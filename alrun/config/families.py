"""Library classes that configs may name without trust: none of them loads, fetches, runs or imports anything.

What writes does so below its ``location``, which is in the run directory. ``tests/security`` goes through the arguments
and the code of all of them.
"""

from __future__ import annotations

from alrun.config.libraries import Family

__all__ = [
    "ACTIVATIONS",
    "CALLBACKS",
    "ESTIMATORS",
    "KERNELS",
    "LOGGERS",
    "LOSSES",
    "METRICS",
    "MODULES",
    "OPTIMIZERS",
    "PRECISIONS",
    "PROFILERS",
    "SCHEDULERS",
    "STRATEGIES",
]

MODULE = "torch.nn:Module"
SUBJECTS = (
    "classification",
    "regression",
    "aggregation",
    "clustering",
    "nominal",
    "retrieval",
    "segmentation",
    "shape",
)
METRIC_MODULES = tuple(f"torchmetrics.{subject}" for subject in (*SUBJECTS, "wrappers"))
#: Of ``torchmetrics.image`` those that are formulas; the others load networks.
IMAGE = (
    "ErrorRelativeGlobalDimensionlessSynthesis",
    "MultiScaleStructuralSimilarityIndexMeasure",
    "PeakSignalNoiseRatio",
    "RelativeAverageSpectralError",
    "RootMeanSquaredErrorUsingSlidingWindow",
    "SpatialCorrelationCoefficient",
    "SpectralAngleMapper",
    "StructuralSimilarityIndexMeasure",
    "TotalVariation",
    "UniversalImageQualityIndex",
)
PRECISION_NAMES = ("DoublePrecision", "HalfPrecision", "MixedPrecision")

OPTIMIZERS = Family("torch.optim:Optimizer", ("torch.optim",))
SCHEDULERS = Family("torch.optim.lr_scheduler:LRScheduler", ("torch.optim.lr_scheduler", "torch.optim.swa_utils"))
MODULES = Family(MODULE, ("torch.nn",), ("torch.nn.modules",), without=("Container", "SyncBatchNorm"))
ACTIVATIONS = Family(MODULE, ("torch.nn",), ("torch.nn.modules.activation",))
LOSSES = Family(MODULE, ("torch.nn",), ("torch.nn.modules.loss",))
METRICS = (
    Family("torchmetrics:Metric", ("torchmetrics", *METRIC_MODULES), METRIC_MODULES, without=("BaseAggregator",)),
    Family("torchmetrics:Metric", ("torchmetrics", "torchmetrics.image"), ("torchmetrics.image",), only=IMAGE),
    Family("torch.nn:ModuleDict", ("torchmetrics",), only=("MetricCollection",)),
)
ESTIMATOR_MODULES = tuple(
    f"sklearn.{name}"
    for name in (
        *("discriminant_analysis", "ensemble", "gaussian_process", "linear_model", "naive_bayes", "neighbors"),
        *("neural_network", "svm", "tree"),
    )
)
ESTIMATORS = tuple(Family(f"sklearn.base:{kind}Mixin", ESTIMATOR_MODULES) for kind in ("Classifier", "Regressor"))
KERNELS = (Family("sklearn.gaussian_process.kernels:Kernel", ("sklearn.gaussian_process.kernels",)),)
CALLBACKS = Family(
    "lightning.pytorch:Callback",
    ("lightning.pytorch.callbacks",),
    only=(
        "BackboneFinetuning",
        "DeviceStatsMonitor",
        "EMAWeightAveraging",
        "EarlyStopping",
        "GradientAccumulationScheduler",
        "LambdaCallback",
        "LearningRateMonitor",
        "ModelPruning",
        "ModelSummary",
        "RichModelSummary",
        "RichProgressBar",
        "StochasticWeightAveraging",
        "TQDMProgressBar",
        "ThroughputMonitor",
        "Timer",
        "WeightAveraging",
    ),
)
LOGGERS = Family(
    "lightning.pytorch.loggers:Logger",
    ("lightning.pytorch.loggers",),
    only=("CSVLogger", "TensorBoardLogger"),
    location="save_dir",
)
STRATEGIES = tuple(
    Family(f"lightning.{part}.strategies:Strategy", (f"lightning.{part}.strategies",), only=("SingleDeviceStrategy",))
    for part in ("pytorch", "fabric")
)
PRECISIONS = tuple(
    Family(f"lightning.{part}.plugins:Precision", (f"lightning.{part}.plugins",), only=PRECISION_NAMES)
    for part in ("pytorch", "fabric")
)
PROFILERS = Family(
    "lightning.pytorch.profilers:Profiler",
    ("lightning.pytorch.profilers",),
    only=("AdvancedProfiler", "PassThroughProfiler", "PyTorchProfiler", "SimpleProfiler"),
    location="dirpath",
)
