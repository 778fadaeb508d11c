import { boolean, choice, contents, type Infer, integer, nul, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { NonStandardParameter, u16, u32 } from "./common.ts";
import { GenericCapability } from "./generic.ts";

const mpi32 = opt(integer(1, 32));
const slowMpi = opt(integer(1, 3600));
const mpi2048 = opt(integer(1, 2048));

export const H261VideoCapability = sequence(
  {
    qcifMPI: opt(integer(1, 4)),
    cifMPI: opt(integer(1, 4)),
    temporalSpatialTradeOffCapability: boolean,
    maxBitRate: integer(1, 19200),
    stillImageTransmission: boolean,
  },
  { videoBadMBsCap: boolean },
);

export const H262VideoCapability = sequence(
  {
    "profileAndLevel-SPatML": boolean,
    "profileAndLevel-MPatLL": boolean,
    "profileAndLevel-MPatML": boolean,
    "profileAndLevel-MPatH-14": boolean,
    "profileAndLevel-MPatHL": boolean,
    "profileAndLevel-SNRatLL": boolean,
    "profileAndLevel-SNRatML": boolean,
    "profileAndLevel-SpatialatH-14": boolean,
    "profileAndLevel-HPatML": boolean,
    "profileAndLevel-HPatH-14": boolean,
    "profileAndLevel-HPatHL": boolean,
    videoBitRate: opt(integer(0, 1073741823)),
    vbvBufferSize: opt(integer(0, 262143)),
    samplesPerLine: opt(integer(0, 16383)),
    linesPerFrame: opt(integer(0, 16383)),
    framesPerSecond: opt(integer(0, 15)),
    luminanceSampleRate: opt(u32),
  },
  { videoBadMBsCap: boolean },
);

const CustomPictureClockFrequency = sequence(
  {
    clockConversionCode: integer(1000, 1001),
    clockDivisor: integer(1, 127),
    sqcifMPI: mpi2048,
    qcifMPI: mpi2048,
    cifMPI: mpi2048,
    cif4MPI: mpi2048,
    cif16MPI: mpi2048,
  },
  {},
);

const CustomPictureFormat = sequence(
  {
    maxCustomPictureWidth: integer(1, 2048),
    maxCustomPictureHeight: integer(1, 2048),
    minCustomPictureWidth: integer(1, 2048),
    minCustomPictureHeight: integer(1, 2048),
    mPI: sequence(
      {
        standardMPI: opt(integer(1, 31)),
        customPCF: opt(
          sequenceOf(
            sequence({ clockConversionCode: integer(1000, 1001), clockDivisor: integer(1, 127), customMPI: integer(1, 2048) }, {}),
            size(1, 16),
          ),
        ),
      },
      {},
    ),
    pixelAspectInformation: choice(
      {
        anyPixelAspectRatio: boolean,
        pixelAspectCode: sequenceOf(integer(1, 14), size(1, 14)),
        extendedPAR: sequenceOf(sequence({ width: integer(1, 255), height: integer(1, 255) }, {}), size(1, 256)),
      },
      {},
    ),
  },
  {},
);

const H263Version3Options = sequence(
  {
    dataPartitionedSlices: boolean,
    fixedPointIDCT0: boolean,
    interlacedFields: boolean,
    currentPictureHeaderRepetition: boolean,
    previousPictureHeaderRepetition: boolean,
    nextPictureHeaderRepetition: boolean,
    pictureNumber: boolean,
    spareReferencePictures: boolean,
  },
  {},
);

const H263ModeComboFlags = sequence(
  {
    unrestrictedVector: boolean,
    arithmeticCoding: boolean,
    advancedPrediction: boolean,
    pbFrames: boolean,
    advancedIntraCodingMode: boolean,
    deblockingFilterMode: boolean,
    unlimitedMotionVectors: boolean,
    "slicesInOrder-NonRect": boolean,
    "slicesInOrder-Rect": boolean,
    "slicesNoOrder-NonRect": boolean,
    "slicesNoOrder-Rect": boolean,
    improvedPBFramesMode: boolean,
    referencePicSelect: boolean,
    dynamicPictureResizingByFour: boolean,
    dynamicPictureResizingSixteenthPel: boolean,
    dynamicWarpingHalfPel: boolean,
    dynamicWarpingSixteenthPel: boolean,
    reducedResolutionUpdate: boolean,
    independentSegmentDecoding: boolean,
    alternateInterVLCMode: boolean,
    modifiedQuantizationMode: boolean,
  },
  { enhancedReferencePicSelect: boolean, h263Version3Options: H263Version3Options },
);

const memory = opt(integer(1, 256));
const RefPictureSelection = sequence(
  {
    additionalPictureMemory: opt(
      sequence(
        {
          sqcifAdditionalPictureMemory: memory,
          qcifAdditionalPictureMemory: memory,
          cifAdditionalPictureMemory: memory,
          cif4AdditionalPictureMemory: memory,
          cif16AdditionalPictureMemory: memory,
          bigCpfAdditionalPictureMemory: memory,
        },
        {},
      ),
    ),
    videoMux: boolean,
    videoBackChannelSend: choice(
      { none: nul, ackMessageOnly: nul, nackMessageOnly: nul, ackOrNackMessageOnly: nul, ackAndNackMessage: nul },
      {},
    ),
  },
  {
    enhancedReferencePicSelect: sequence(
      {
        subPictureRemovalParameters: opt(
          sequence({ mpuHorizMBs: integer(1, 128), mpuVertMBs: integer(1, 72), mpuTotalNumber: integer(1, 65536) }, {}),
        ),
      },
      {},
    ),
  },
);

export const H263Options = sequence(
  {
    advancedIntraCodingMode: boolean,
    deblockingFilterMode: boolean,
    improvedPBFramesMode: boolean,
    unlimitedMotionVectors: boolean,
    fullPictureFreeze: boolean,
    partialPictureFreezeAndRelease: boolean,
    resizingPartPicFreezeAndRelease: boolean,
    fullPictureSnapshot: boolean,
    partialPictureSnapshot: boolean,
    videoSegmentTagging: boolean,
    progressiveRefinement: boolean,
    dynamicPictureResizingByFour: boolean,
    dynamicPictureResizingSixteenthPel: boolean,
    dynamicWarpingHalfPel: boolean,
    dynamicWarpingSixteenthPel: boolean,
    independentSegmentDecoding: boolean,
    "slicesInOrder-NonRect": boolean,
    "slicesInOrder-Rect": boolean,
    "slicesNoOrder-NonRect": boolean,
    "slicesNoOrder-Rect": boolean,
    alternateInterVLCMode: boolean,
    modifiedQuantizationMode: boolean,
    reducedResolutionUpdate: boolean,
    transparencyParameters: opt(
      sequence(
        {
          presentationOrder: integer(1, 256),
          "offset-x": integer(-262144, 262143),
          "offset-y": integer(-262144, 262143),
          "scale-x": integer(1, 255),
          "scale-y": integer(1, 255),
        },
        {},
      ),
    ),
    separateVideoBackChannel: boolean,
    refPictureSelection: opt(RefPictureSelection),
    customPictureClockFrequency: opt(sequenceOf(CustomPictureClockFrequency, size(1, 16))),
    customPictureFormat: opt(sequenceOf(CustomPictureFormat, size(1, 16))),
    modeCombos: opt(
      sequenceOf(
        sequence({ h263VideoUncoupledModes: H263ModeComboFlags, h263VideoCoupledModes: sequenceOf(H263ModeComboFlags, size(1, 16)) }, {}),
        size(1, 16),
      ),
    ),
  },
  { videoBadMBsCap: boolean, h263Version3Options: H263Version3Options },
);

const EnhancementOptions = sequence(
  {
    sqcifMPI: mpi32,
    qcifMPI: mpi32,
    cifMPI: mpi32,
    cif4MPI: mpi32,
    cif16MPI: mpi32,
    maxBitRate: integer(1, 192400),
    unrestrictedVector: boolean,
    arithmeticCoding: boolean,
    temporalSpatialTradeOffCapability: boolean,
    slowSqcifMPI: slowMpi,
    slowQcifMPI: slowMpi,
    slowCifMPI: slowMpi,
    slowCif4MPI: slowMpi,
    slowCif16MPI: slowMpi,
    errorCompensation: boolean,
    h263Options: opt(H263Options),
  },
  {},
);

export const EnhancementLayerInfo = sequence(
  {
    baseBitRateConstrained: boolean,
    snrEnhancement: opt(sequenceOf(EnhancementOptions, size(1, 14))),
    spatialEnhancement: opt(sequenceOf(EnhancementOptions, size(1, 14))),
    bPictureEnhancement: opt(
      sequenceOf(sequence({ enhancementOptions: EnhancementOptions, numberOfBPictures: integer(1, 64) }, {}), size(1, 14)),
    ),
  },
  {},
);

export const H263VideoCapability = sequence(
  {
    sqcifMPI: mpi32,
    qcifMPI: mpi32,
    cifMPI: mpi32,
    cif4MPI: mpi32,
    cif16MPI: mpi32,
    maxBitRate: integer(1, 192400),
    unrestrictedVector: boolean,
    arithmeticCoding: boolean,
    advancedPrediction: boolean,
    pbFrames: boolean,
    temporalSpatialTradeOffCapability: boolean,
    "hrd-B": opt(integer(0, 524287)),
    bppMaxKb: opt(u16),
  },
  {
    slowSqcifMPI: slowMpi,
    slowQcifMPI: slowMpi,
    slowCifMPI: slowMpi,
    slowCif4MPI: slowMpi,
    slowCif16MPI: slowMpi,
    errorCompensation: boolean,
    enhancementLayerInfo: opt(EnhancementLayerInfo),
    h263Options: opt(H263Options),
  },
);

export const IS11172VideoCapability = sequence(
  {
    constrainedBitstream: boolean,
    videoBitRate: opt(integer(0, 1073741823)),
    vbvBufferSize: opt(integer(0, 262143)),
    samplesPerLine: opt(integer(0, 16383)),
    linesPerFrame: opt(integer(0, 16383)),
    pictureRate: opt(integer(0, 15)),
    luminanceSampleRate: opt(u32),
  },
  { videoBadMBsCap: boolean },
);

const root = {
  nonStandard: NonStandardParameter,
  h261VideoCapability: H261VideoCapability,
  h262VideoCapability: H262VideoCapability,
  h263VideoCapability: H263VideoCapability,
  is11172VideoCapability: IS11172VideoCapability,
};

/** Video inside an extended video capability, where no further extension nests. */
const PlainVideoCapability = choice(root, { genericVideoCapability: GenericCapability, extendedVideoCapability: contents });

/** Video codec and its limits. H.264 is generic (H.241); H.239's presentation is extended: a codec with a role. */
export const VideoCapability = choice(root, {
  genericVideoCapability: GenericCapability,
  extendedVideoCapability: sequence(
    { videoCapability: sequenceOf(PlainVideoCapability), videoCapabilityExtension: opt(sequenceOf(GenericCapability)) },
    {},
  ),
});
export type VideoCapability = Infer<typeof VideoCapability>;
