"""Networks of Hugging Face and timm from end to end, for `make models`: discover and certify.

They are built from their configurations with random weights, those of Hugging Face tiny ones;
nothing is downloaded. Networks may be named: `python tests/bench_models.py Llama resnet18`. The
table has a line for each network and ends with counts: proved, wrong, refused in a sentence, and
failed with an error that is not ours.
"""

import logging
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from cases import torchvision_models
from torch import Tensor, nn

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover

SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
}
TEXT = {**SIZES, "vocab_size": 31, "max_position_embeddings": 40}
GROUPED = {**TEXT, "num_key_value_heads": 3}
PICTURE = {**SIZES, "image_size": 16, "patch_size": 8}
WIDE = {"vocab_size": 31, "d_model": 24, "d_ff": 20, "d_kv": 8, "num_layers": 2, "num_heads": 3}
GPT = {"vocab_size": 31, "n_positions": 40, "n_embd": 24, "n_layer": 2, "n_head": 3}
BOTH = {
    "vocab_size": 31,
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 20,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}

TRANSFORMERS: dict[str, tuple[str, dict[str, object], str]] = {
    "Bert": ("Model", TEXT, "tokens"),
    "Roberta": ("Model", TEXT, "tokens"),
    "XLMRoberta": ("Model", TEXT, "tokens"),
    "MPNet": ("Model", TEXT, "tokens"),
    "Electra": ("Model", {**TEXT, "embedding_size": 24}, "tokens"),
    "Albert": ("Model", {**TEXT, "embedding_size": 10}, "tokens"),
    "DistilBert": (
        "Model",
        {"vocab_size": 31, "dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 20},
        "tokens",
    ),
    "CLIPText": ("Model", TEXT, "tokens"),
    "GPT2": ("LMHeadModel", GPT, "tokens"),
    "GPTNeoX": ("ForCausalLM", TEXT, "tokens"),
    "GPTJ": ("ForCausalLM", {**GPT, "rotary_dim": 4}, "tokens"),
    "Llama": ("ForCausalLM", GROUPED, "tokens"),
    "Mistral": ("ForCausalLM", GROUPED, "tokens"),
    "Mixtral": (
        "ForCausalLM",
        {**GROUPED, "num_local_experts": 3, "experts_implementation": "batched_mm"},
        "tokens",
    ),
    "Qwen2": ("ForCausalLM", GROUPED, "tokens"),
    "Qwen3": ("ForCausalLM", {**GROUPED, "head_dim": 8}, "tokens"),
    "Gemma": ("ForCausalLM", {**GROUPED, "head_dim": 8}, "tokens"),
    "Phi": ("ForCausalLM", TEXT, "tokens"),
    "Falcon": ("ForCausalLM", {**TEXT, "multi_query": False}, "tokens"),
    "OPT": (
        "ForCausalLM",
        {
            "vocab_size": 31,
            "hidden_size": 24,
            "num_hidden_layers": 2,
            "ffn_dim": 20,
            "num_attention_heads": 3,
            "max_position_embeddings": 40,
            "word_embed_proj_dim": 24,
        },
        "tokens",
    ),
    "Bloom": (
        "ForCausalLM",
        {"vocab_size": 31, "hidden_size": 24, "n_layer": 2, "n_head": 3},
        "tokens",
    ),
    "Mamba": (
        "ForCausalLM",
        {"vocab_size": 31, "hidden_size": 24, "state_size": 4, "num_hidden_layers": 2},
        "tokens",
    ),
    "T5": ("ForConditionalGeneration", WIDE, "both"),
    "Bart": ("ForConditionalGeneration", BOTH, "both"),
    "ViT": ("Model", PICTURE, "small pictures"),
    "DeiT": ("Model", PICTURE, "small pictures"),
    "Beit": ("Model", PICTURE, "small pictures"),
    "Dinov2": ("Model", PICTURE, "small pictures"),
    "CLIPVision": ("Model", PICTURE, "small pictures"),
    "CLIP": (
        "Model",
        {"text_config": TEXT, "vision_config": PICTURE, "projection_dim": 12},
        "text and pictures",
    ),
    "Swin": (
        "Model",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 12,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 4,
        },
        "pictures",
    ),
    "ConvNext": (
        "Model",
        {"hidden_sizes": [8, 12], "depths": [1, 1], "num_stages": 2, "image_size": 32},
        "pictures",
    ),
    "ResNet": (
        "Model",
        {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]},
        "pictures",
    ),
    "Segformer": (
        "Model",
        {
            "num_encoder_blocks": 2,
            "depths": [1, 1],
            "sr_ratios": [2, 1],
            "hidden_sizes": [8, 12],
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "num_attention_heads": [1, 2],
            "mlp_ratios": [2, 2],
        },
        "pictures",
    ),
    "Wav2Vec2": (
        "Model",
        {
            **SIZES,
            "vocab_size": 31,
            "conv_dim": [8, 8],
            "conv_stride": [4, 2],
            "conv_kernel": [8, 3],
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
            "num_feat_extract_layers": 2,
        },
        "sound",
    ),
    "Whisper": (
        "Model",
        {**BOTH, "num_mel_bins": 5, "max_source_positions": 10, "max_target_positions": 20},
        "spectra",
    ),
}
"""Classes of Hugging Face: the end of the name, the configuration, and what they are given."""

TIMM = """
beit_base_patch16_224 botnet26t_256 mobileone_s0 cait_xxs24_224 coat_tiny convit_tiny
convmixer_768_32 convnext_atto cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_s
cspnext_tiny davit_tiny deit_tiny_patch16_224 densenet121 dla34 dpn48b edgenext_xx_small
efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientvim_m1 efficientvit_b0
efficientvit_m0 eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 focalnet_tiny_srf
gcvit_xxtiny ghostnet_050 hardcorenas_a hgnetv2_b0 hiera_tiny_224 sam2_hiera_tiny
hrnet_w18_small iformer_t inception_next_atto inception_resnet_v2 inception_v3 inception_v4
lcnetv2_small levit_128s lowformer_b0 mambaout_femto coatnet_pico_rw_224 poolformer_s12
mixer_s32_224 mobilenetv3_small_050 mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_gap
nasnetalarge nest_tiny nextvit_small nf_regnet_b0 pit_ti_224 pnasnet5large pvt_v2_b0
rdnet_tiny regnety_002 repghostnet_050 repvit_m0_9 res2net50_14w_8s resnest14d resnet18
resnetv2_18 rexnet_100 selecsls42b legacy_seresnet18 sequencer2d_s shvit_s1 skresnet18
starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
swinv2_cr_tiny_224 tiny_vit_5m_224 tnt_s_patch16_224 tresnet_m twins_svt_small vgg11
visformer_tiny vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vit_relpos_small_patch16_224
vitamin_small_224 volo_d1_224 ese_vovnet19b_slim_dw legacy_xception xception41
xcit_nano_12_p16_224
"""
"""A small network of each family of timm."""

PIXELS = 96
"""Width of the pictures of networks that take any."""


@dataclass
class Outcome:
    """What became of a network."""

    verdict: str
    said: str = ""
    groups: int = 0
    units: int = 0
    seconds: float = 0.0


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=stream("inputs"), dtype=torch.float64)


def tokens(length: int = 7) -> Tensor:
    return torch.randint(3, 31, (2, length), generator=stream("tokens"))


def given(kind: str) -> Inputs:
    """Return the inputs of a network of Hugging Face, by keyword."""
    return {
        "tokens": {"input_ids": tokens()},
        "both": {"input_ids": tokens(), "decoder_input_ids": tokens(5)},
        "small pictures": {"pixel_values": normal(2, 3, 16, 16)},
        "pictures": {"pixel_values": normal(2, 3, 32, 32)},
        "text and pictures": {"input_ids": tokens(), "pixel_values": normal(2, 3, 16, 16)},
        "sound": {"input_values": normal(2, 200)},
        "spectra": {"input_features": normal(2, 5, 20), "decoder_input_ids": tokens(5)},
    }[kind]


def of_transformers(name: str) -> tuple[nn.Module, Inputs]:
    """Build a tiny network of Hugging Face; its outputs are looked at all together."""
    import transformers

    transformers.logging.set_verbosity_error()
    ending, options, kind = TRANSFORMERS[name]
    config = getattr(transformers, f"{name}Config")(**options)
    config.use_cache = False
    return getattr(transformers, name + ending)(config), given(kind)


def of_timm(name: str) -> tuple[nn.Module, Inputs]:
    """Build a network of timm."""
    import timm

    network = timm.create_model(name, num_classes=5)
    config = network.pretrained_cfg
    channels, *pixels = config["input_size"]
    if not config.get("fixed_input_size"):
        pixels = [PIXELS, PIXELS]
    return network, normal(2, channels, *pixels)


def ordinary(network: nn.Module) -> nn.Module:
    """Return a network in float64 and eval mode, without vectors of zeros or ones."""
    network = network.double().eval()
    generator = stream("weights")
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim < 2:
                noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
                weight.add_(noise, alpha=0.3)
    return network


def outcome(name: str) -> Outcome:
    """Discover and certify one network."""
    torch.manual_seed(0)
    build = of_transformers if name in TRANSFORMERS else of_timm
    start = time.perf_counter()
    try:
        network, inputs = build(name)
        network = ordinary(network)
        spec = discover(network, inputs)
        proof = certify(
            spec,
            network,
            parameters(network),
            inputs=inputs,
            generator=stream("certificate"),
            draws=2,
        )
    except SymgeomError as error:
        return Outcome("refused", str(error))
    except Exception as error:
        return Outcome("failed", f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - start
    units = sum(group.size for group in spec.groups)
    said = "" if proof.passed else f"{proof.worst_group}: {proof.residual:.2g}"
    verdict = "proved" if proof.passed else "wrong"
    return Outcome(verdict, said, len(spec.groups), units, seconds)


def lines(title: str, names: list[str]) -> Iterator[str]:
    """Yield the lines of the networks of a library, and the counts."""
    counts: Counter[str] = Counter()
    for name in names:
        result = outcome(name)
        counts[result.verdict] += 1
        numbers = f"{result.groups:7} {result.units:7} {result.seconds:7.1f}"
        yield f"{name:30} {result.verdict:8} {numbers}  {result.said[:120]}"
    listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts))
    yield f"\n{title}: {listed} of {len(names)}\n"


def main(names: list[str]) -> None:
    """Print the table."""
    torchvision_models()
    warnings.simplefilter("ignore")
    logging.disable()
    sys.stdout.write(f"{'network':30} {'':8} {'groups':>7} {'units':>7} {'s':>7}\n")
    for title, library in (("Hugging Face", [*TRANSFORMERS]), ("timm", TIMM.split())):
        asked = [name for name in library if not names or name in names]
        if asked:
            for line in lines(title, asked):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
