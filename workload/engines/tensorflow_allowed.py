"""TensorFlow's operations that a function of a model may hold: they compute numbers from numbers.

`packing/operation_reasons.py` has the rule for every operation that is not here, and a test derives
this list anew from TensorFlow's registry. docs/adr/0030 has the criteria.
"""

from __future__ import annotations

from typing import Final

SERVING: Final = frozenset(
    """
    Abs AccumulateNV2 Acos Acosh Add AddN AddV2 AdjustContrast AdjustContrastv2 AdjustHue
    AdjustSaturation All Angle Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2
    Atanh AvgPool AvgPool3D BandedTriangularSolve BatchMatMul BatchMatMulV2 BatchMatMulV3
    BatchNormWithGlobalNormalization BatchToSpace BatchToSpaceND BesselI0 BesselI0e BesselI1
    BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1
    Betainc BiasAdd BiasAddV1 Bitcast BitwiseAnd BitwiseOr BitwiseXor BroadcastArgs
    BroadcastTo Bucketize Cast Ceil Cholesky ClipByValue Complex ComplexAbs Concat
    ConcatOffset ConcatV2 Conj ConjugateTranspose Const Conv Conv2D Conv2DBackpropInput
    Conv3D Conv3DBackpropInputV2 Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp
    DataFormatDimMap DataFormatVecPermute Dawsn DepthToSpace DepthwiseConv2dNative Diag
    DiagPart Digamma Dilation2D Div DivNoNan Eig Einsum Elu EnsureShape Equal Erf Erfc
    Erfinv EuclideanNorm Exp ExpandDims Expint Expm1 ExtractImagePatches
    ExtractVolumePatches FFT FFT2D FFT3D FFTND FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod
    FresnelCos FresnelSin FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D
    FusedResizeAndPadConv2D Gather GatherNd GatherV2 Greater GreaterEqual HSVToRGB
    HistogramFixedWidth IFFT IFFT2D IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND Identity
    IdentityN If Igamma Igammac Imag ImageProjectiveTransformV2 ImageProjectiveTransformV3
    Inv Invert InvertPermutation IsFinite IsInf IsNan LRN LeakyRelu LeftShift Less LessEqual
    Lgamma LinSpace ListDiff Log Log1p LogMatrixDeterminant LogSoftmax LogicalAnd LogicalNot
    LogicalOr LowerBound Lu MatMul MatrixBandPart MatrixDeterminant MatrixDiag
    MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
    MatrixExponential MatrixInverse MatrixLogarithm MatrixSetDiag MatrixSetDiagV2
    MatrixSetDiagV3 MatrixSolve MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Max
    MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Maximum Mean Min Minimum MirrorPad Mod Mul
    MulNoNan Ndtri Neg NextAfter NoOp NotEqual NthElement OneHot OnesLike Pack Pad PadV2
    PartitionedCall Polygamma PopulationCount Pow PreventGradient Prod Qr RFFT RFFT2D RFFT3D
    RFFTND RGBToHSV Range Rank ReadVariableOp Real RealDiv Reciprocal Relu Relu6 Reshape
    ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor Reverse ReverseSequence
    ReverseV2 RightShift Rint Roll Round Rsqrt ScaleAndTranslate ScatterNd Select SelectV2
    SelfAdjointEig SelfAdjointEigV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice
    Softmax Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth Spence Split SplitV
    Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessIf StopGradient
    StridedSlice Sub Sum Svd Tan Tanh TensorScatterAdd TensorScatterMax TensorScatterMin
    TensorScatterSub TensorScatterUpdate Tile ToBool TopK TopKV2 Transpose TridiagonalMatMul
    TridiagonalSolve TruncateDiv TruncateMod Unique UniqueV2 UniqueWithCounts
    UniqueWithCountsV2 Unpack UnravelIndex UpperBound Where Xdivy Xlog1py Xlogy ZerosLike
    Zeta
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
