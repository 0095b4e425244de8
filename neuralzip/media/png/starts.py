"""What the contexts of PNG corrections begin with (see bitcoder.START_CHANCES); part of the format.

Learnt by `benchmarks/learn_png_starts.py` from files of many encoders, so that a small file does not pay for what
is the same in nearly all of them. Contexts in the order of `rasters`.
"""

import base64
import zlib

_PACKED = (
    "c-rkdOK{uPwFfKhy6v)^=^~x!o5`XxO&3kwKDV}8OO|bkkw||e$WBB`Noj(TIRq$S2tuX+&?W)W6#-HuK}x3NpOnOooHmKt^rL<j"
    ">1U?dblO#?%Pxx@doDiwD7H+ywma_)4@F)a+>3MW`P_3a?zsXT{sxVWAAT!pS)f^;z>>AQ@rRFpLjl0X&wl#xF#roMuTbNbMbW!&"
    "gJP{%f3SW-1ud(({nx)#vH(0bsFVSk*pjaR;4Nr05yxu+1Ng1|31Dj%AiM=O#nPwv%$`HMNq9jUtcP5C?V2vWVc$by0gZYPr)(a5"
    "=)>~@YhYuQxHLL<@%3QQnk1gslhZYO=7Hpz1C7>m&1dh^ofMl6JeEmw0O85F47l{4v3}aLz5e&Y;7Qf!ad_VPsXPb!HaoO=tl0$v"
    "2ln5CC*VRo=MgtP@a(nI315ER5o2QF8T<brjD=s^MAvMNJ!krddXi<}i7dR=YHs0zrI%-dPt<Fw+PZqq`me&w%C~UA1XME}<~@dC"
    "fSAX5IZF`{c?U~VR+lSPx))Lp1@>a}D62&?S|asUaWh$(9*<2R!G##`F=$A2cy~+MxMIY?;`xliQOIkc<*);;Iyx0W-GK(d2aY=U"
    "OKEuT99a%p6E;4reMQQ?3DMtDVdQ}LJt{1cs#_L8K`;*;t52PL1u4CG5&bX4F^8^Qr9Z!tNn1-H3XItyswkX%8Md~li>M2I@GNzo"
    "d-Ww;T$Zd^3iLw}Y;=}rWt~D?{enQjyR6;CyhU(>f{&6mu2U2wsS*WyU$XHVNusge;nlV$jkO<sZ$TfP9aI2q&^3@KR50<KVQT<B"
    "MGxC)Qa}Qc1s8z0mIbSb1h6EQsC=xxExj*oNPSiQw}ArBl5KlZBksk_V;;Wr*x0P%#{db&;iUcXN*A_G{3+sV<(h-*W*PFJ{h(wP"
    "Ag`;SnHm^5Ick`is_GhOn|W0uCE~IvBQDFDDGLP05)3mhX@-KOrb)UYX{Leopw>)7(oG|2nkJZLt=-dNvHf0(P_G$a7LCj6*bi+k"
    "KV7aCB&C>5=8FpC)eIEOjHIX{C}u`g)J!sCimIZg<`r{ERg5K&Yoa9UvQ((0B*f){c~#CBilCU-T1OhDCV`%B^Ed6^NqAtFC!r`S"
    "MjoPIvXUaeJQU*qxkM5+St+T;lSwnK3VK{%u|B1<QPyNsR*iFrt8tx?;(A<-tBerWXXJ<xm*Pf5Vl_qp9b{IG%2-OQJ}-6guex7^"
    "t#_Pq74Khz6l97ba5)Z=n<+@?oFE`yL5)J(WF$^yu^&v1Ro_gK{;+yPis+2Ss54107<opU6+#BcQT3vLJ|MFikba=?=8_$=r32pU"
    "lMe7B67%Z-S4}pVt&8{!2cp3tUlv$Hkhwf0IfGMEGK+G~$&jBDq6VWTj9KI}D=@}|<ctxOWBI5AT1<Xj9!Y{WEzikeEYTmeaGQT^"
    "pXZunZvvpaDdKMmvb99!D$Gfuu>cADh_wXBct2rqc}`{_QD!o8G9%2Ch<tAeY?;v#dDI8uVT}{!B#=ezY!XUgjn^P48mI{s_29w!"
    "KK@%9b_XiAuR*pf!j-LsVhWp!HNKjza_FFP3hj^*%N#oYT#8#uD08K#kT9UY=Vy~d&s-@i#7Zc+hTKcx3|Gbpw-iP_5eJ9sSjsJa"
    "8>kVpbMMBouPV0y3h0JuJq3J;gGBA}25)dgUwQ)VFRpW%ATz1?HLeiNM}@^Y6gXo>;@8gPr?l4zKP6VcagTa{LYR~V<b(qguWoe6"
    "dlNlC@7_1ECkQiZls07G^+hvfa{4uWF(>Lo4=g$d3tSmJK$?YUDVm9vKuN4Yo+~qQv>wx-bWxix@flFwlDHCNVui4>Qi@&29%PU^"
    "`50|}Im@1tn%&!0MZDOsL|EO^tQ8Bpf0wL71S`L*fV`8k#Jd74?Fv@vc4~#YB~+9(MS+S?67O<(u@Q&F`hv_?xW?j*><?$xma_bM"
    "x&mu_BXtYs&U#zh+a&l|#iw{nabH2Ktm`)bD-FE9ZIJ~e`prs{wBg@#+uw4>SmXcdJf$u#OE?9X=H{mP_KyKV_FcLaHKuT`qJyDO"
    "B;rQYP%s#zgE&J)0Anb9HUyJ+CkT;9Jf5^?s36u}BGqvL=m`j3x`YJmdcmbJNneUY7?vgY^f>tG5FKI|HldK}Q$asXheFIO!`b*S"
    "*gcq;;~d-u9%gaQdj`{VH#|9h>_2=S_T%t4-0Am8f;~i@FT&@r_^MlX>U?*j&}=w-kUHWQ=J^<Yo>rYXW_F$@kWQz8r~1pl7ryNL"
    "B77c;|2^!W{)y?X>d3{*v4b9$qn9u9vDo5Mzoc`C%e)Ke`81z~@QdA+K6Uo|ksjLdJ$GvyF3!ec;jpv$^N&++oEz%Ftx<<P(+|f8"
    "{jhDQKYs6=&o}mL>A!*02?KjxJUQy~P4_?_E!Qjk*XId!hrad4*4DsZ>mqdkedK^2^4A-mG;cfQc9U}FY090S2goaO(c9wkpky4d"
    "Q--lAolQJ}kPzlyg!eWf{EYV)V-Q~H2gN@0p$~oNLm&Fkhd%V74}Ivv|1;Qi-}!&tPP$S}F9Yjr4E)0S)$Z<2y#Vy1wg(oM$kxQd"
    "Li$Rtn-dFj!hc8JWgS6<We36UO;a~>pydcoe%>|Bn`SPzoGaS+vbkA&r<gOBb58y82OFCo-Xyu&Jv(Ko|8lzsRj{fg@9__8@)H|}"
    "qMKQn3er>b;K=aM>0>rNmsv`sB5^K4JA3ib)$4+ijJLK`7S?abc{$lii;A`TS{;&E4^Qpv8g<h}l34$4hj70H;6Lfep3?wh!ApS="
    "|KQ-@Dd$$`>eZB(Vxn%=0-#(`6eXD<nF$+i+%-y?q_t?=xo^}}No(DBZ?Aaorkk}Ry}W0Elc+@a1%5y5);G!@IOFsAMoxd*#<`^{"
    "T!M+rf!}W@?Gx8gel{MDyZsT%t6HAqH9h%n+|lc0DeLtwdw+Mm)_|-h|H{sWlY%-;`hxYJ?lbtLe`IuM=;+b!IBM|+mr^3fvhm22"
    "Qw^)KoQ$VLm;X4d86{QDxAP|V>UF);PSe59_jc+X^zU2k13iBRc<`_8^F1RpO`i#z89n3j4}`9zQXDhS%y_w&RYeiv0vqzocBfR5"
    "<-8DS^EXT=0KrM>O#9Vl^>zn?+a3J3Kg&Nb8Je1SZOnK0)h_-qpgn$NO~tV|8FcWYaNEceX+8gtKiS+Q$81P<cZj^7Y_(E%ACUk;"
    "_)$*8K>Jts@jpI3IpRC<+R@`LJM>=;W#U3S#Q0r*JPc((U9U{K>Uafi=Zbl#OuEmXlRtvDx7<qftyk|_uu~;DAV=R5AMCdI|C4;("
    "{<ts=fzzX7!zYdmdiO$CMS<g>rC(N)WnrmpZ`dlE6(yT;<wYrL)%seNq^uo3-`=f0;tZDsUe>xb{vhZ-J?irfo%k+gA4Un#AyE(*"
    "F6!ww!er!RN)S98;)Yi4NQ?8(SiM*JQOBO--j<iOwV?Zi9yz*U{k_BY(f`o@&yV@e4-x+4kPPzYlI)z9uY^eax&*A<)`c3>q0%O@"
    "{-CjC4-8NKMvLd&&rBws{O(`_7@YK<IX8NE@c4He`47=E82mz^V8CfI9Gn3TJLCVJXMYZRL!TIQ!X<nS1XzJ%r^a3L9dUB>W48VG"
    "2%|ghtcBlq$Z^7-?YGLsiQ#i&hYz^~VlXQ&h)SAiH@H>-ZL8yfMx#*6cAC|)tZp;Ac=n-A(AAa-`UAevu@kSk_D6+BMUhKHL&sYd"
    "F69fv0xo2svc6jCq;YS@uqtdz|JEaqWo|j0?exD1nhy9d01UeE2SSkqj(;H*Xg`)$xO|&`2JWo7l5IKc8rCBi?(V~XvX4L7|5e%_"
    "7#$rQI_}1wVLCJuhX@S;=j7FqP{=;oHSTxo?La?C``v?I?kUi-@D1l;%sr@M+utH)w>Db#NB>Xfia+fN01$?;G2b-xii@V*--UhS"
    "cK=AuKK&Y_MGnUd6`Bd09vbt#_D#1-i#*J6LZah9TN*OgfRA<%Fl&|UQa8;NIIzDDaZWe>gy<>X`H8XN!><2f=!q^xIhb-6a~R9T"
    "b%E`ot(P6~y+P4@gn*5Qx__HL+Mk;A2S&~ej|{r@9}0$Mi0HK6v#%Y9gWwMEBhJj@x8u<o!1r5}9DdZJ^gt>;AZxUowf)&%jltl)"
    "JBfYx<$d^m*`7Kn^n;Oe=iV5y$G<(=!w`<nM}axn8t-9}U+e168mwd=9aA3f16IraREWNC;rv<O2{QhPP7`S+I=?6+m{T1OWDCG_"
    "{m<O(N*BFmZ-<r}4sYkR!R0@GDiAn5a{Tz=|8eI3aX(GYs)T5V|4WlWpzR|t;NsmRseMOQY%Nw@q(c11YX9q>MgGG9qd@h6dkdq)"
    "_uZ&r!&}{nTp!5u2b#|MHqJJ&+S3MuV^zRujQVlYIbwhEMZfHP9S()TdLQ23-MzcB(%{Jv|3@}nB-!P3I;~)FFj;r?1u^?&Z?)Nc"
    "zEW7$F1l00s^EI;AVctwPGyOV>0UGaygeK2?R?1h@;@T6p8wB-5L*z#)V~3Re+#+"
)

STARTS = zlib.decompress(base64.b85decode(_PACKED))
